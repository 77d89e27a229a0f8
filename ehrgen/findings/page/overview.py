"""All variants at one glance: what each loss weighs and pulls, and how good the patients are."""

from collections.abc import Mapping, Sequence
from typing import Any

from ehrgen.findings.page.axes import Linear, Log, around, without_outliers, x_axis
from ehrgen.findings.page.html import Markup, el, joined, picture
from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.findings.statistics.margins import INDEPENDENT
from ehrgen.findings.statistics.results import FLOOR
from ehrgen.findings.statistics.significance import (
    DIFFERS,
    EQUIVALENT,
    EXPLORATORY,
    NO_HARM,
    PRIMARY,
    SLIGHT,
    UNDECIDED,
)
from ehrgen.findings.text.tables import ARROWS, NOTHING, about, cell, percent, sign
from ehrgen.metrics.table.suite import HEADLINE, METRICS

AblationJson = Mapping[str, Any]  # the content of reports/ablation.json
LEAST_SHARE = 1e-4
NAMES, ROW, HEAD = 132, 22, 34
SHARES, NARROWEST, METRIC = 780, 150, 150  # widths: of all panels of shares, of one, of a metric
IN_A_ROW = 6  # metrics
ORDER = (DIFFERS, SLIGHT, EQUIVALENT, NO_HARM, UNDECIDED)  # of primary comparisons in their table
NOTES = {
    DIFFERS: ", differs from the reference",
    SLIGHT: ", differs from the reference by less than the margin",
    EQUIVALENT: ", no effect: within the margin of the reference",
    NO_HARM: ", no harm beyond the margin",
    UNDECIDED: "",
}


def balance(
    ablation: AblationJson, variants: Sequence[str], objectives: Sequence[str], series: Mapping[str, int]
) -> Markup:
    """An open dot for the share of the loss value, a full one for the share of the gradient; an objective a panel."""
    height = HEAD + ROW * len(variants) + 30
    width = max(NARROWEST, SHARES / max(1, len(objectives)))
    x = Log(LEAST_SHARE, 1, 30, width - 20, zero=8)
    words = [(0, "0"), *((tick, percent(tick)) for tick in x.ticks()[1::2])]
    panels = []
    for objective in objectives:
        parts = [
            el("text", objective, x=8, y=16, class_=f"title t{series[objective]}"),
            x_axis(x, HEAD - 8, HEAD + ROW * len(variants), words),
        ]
        for row, variant in enumerate(variants):
            values = ablation["objectives"].get(variant, {}).get(objective, {})
            if values.get("weight"):
                parts.append(_pair(x, HEAD + ROW * (row + 0.5), values, f"{variant}, {objective}", series[objective]))
        parts.append(_own_names(variants, HEAD))
        panels.append(picture(width, height, f"{objective}: share of the loss value and of the gradient", *parts))
    return _beside(_names(variants, HEAD, height), panels)


def _pair(x: Log, y: float, values: Mapping[str, float], whose: str, number: int) -> Markup:
    shares = {
        word: values[column]
        for column, word in (("share", "loss value"), ("grad_share", "gradient"))
        if column in values
    }
    tooltip = ", ".join(f"{percent(share)} of the {word}" for word, share in shares.items())
    ends = [x(share) for share in shares.values()]
    line = el("path", d=f"M{min(ends):.1f} {y}H{max(ends):.1f}", class_="thread") if len(ends) == 2 else None
    value = el("circle", cx=x(shares["loss value"]), cy=y, r=5, class_="open") if "loss value" in shares else None
    pull = el("circle", cx=x(shares["gradient"]), cy=y, r=5, class_="full") if "gradient" in shares else None
    return el("g", el("title", f"{whose}: {tooltip}"), line, value, pull, class_=f"s{number} f{number}")


def quality(ablation: AblationJson, variants: Sequence[str]) -> Markup:
    """Headline metrics with their intervals, real patients as a line and independent codes as a tick."""
    names = [name for name in HEADLINE if any(name in ablation["variants"].get(variant, {}) for variant in variants)]
    rows = [names[at : at + IN_A_ROW] for at in range(0, len(names), IN_A_ROW)]
    return joined(*(_quality_row(ablation, variants, row) for row in rows))


def _quality_row(ablation: AblationJson, variants: Sequence[str], names: Sequence[str]) -> Markup:
    head, bottom = 52, 52 + ROW * len(variants)
    panels = []
    for name in names:
        estimates = {variant: ablation["variants"].get(variant, {}).get(name) for variant in variants}
        marks = {anchor: ablation["anchors"].get(anchor, {}).get(name) for anchor in (FLOOR, INDEPENDENT)}
        known = [mark for mark in marks.values() if mark is not None]
        x = Linear(*_ends([estimate for estimate in estimates.values() if estimate], known), 8, METRIC - 10)
        parts = [
            el("text", f"{name} {ARROWS[METRICS[name].better]}", x=8, y=16, class_="title small"),
            el("text", METRICS[name].unit, x=8, y=30, class_="tick"),
            x_axis(x, head - 6, bottom, [(tick, f"{tick:g}") for tick in x.ticks(3)]),
            *(_mark(x, anchor, mark, head - 6, bottom) for anchor, mark in marks.items() if mark is not None),
        ]
        for row, variant in enumerate(variants):
            if estimate := estimates[variant]:
                y, outcome = head + ROW * (row + 0.5), _outcome(ablation, variant, name)
                parts.append(_estimate(x, y, f"{variant}, {name}", estimate, *outcome))
        parts.append(_own_names(variants, head))
        panels.append(picture(METRIC, bottom + 26, f"{name} by variant", *parts))
    return _beside(_names(variants, head, bottom + 26), panels)


def numbers(ablation: AblationJson, variants: Sequence[str]) -> Markup:
    """The same in numbers: a row a metric, with the sign of the paired difference from the reference."""
    columns = ("", *variants, FLOOR, INDEPENDENT)
    head = el("tr", *(el("th", column, scope="col", class_="number") for column in columns))
    rows = []
    for name in HEADLINE:
        cells = [_number(ablation, variant, name) for variant in variants]
        cells += [
            f"{ablation['anchors'][anchor][name]:.4g}" if name in ablation["anchors"].get(anchor, {}) else NOTHING
            for anchor in (FLOOR, INDEPENDENT)
        ]
        rows.append(
            el(
                "tr",
                el("th", f"{name} {ARROWS[METRICS[name].better]}", scope="row"),
                *(el("td", number, class_="number") for number in cells),
            )
        )
    return el("table", el("thead", head), el("tbody", *rows))


def primary(ablation: AblationJson) -> Markup:
    """What every variant was to be judged by beforehand: the difference, the margin, and the outcome; decided first."""
    words = ("variant", "endpoint", "which", "difference", "margin", "outcome")
    head = el("tr", *(el("th", word, scope="col") for word in words))
    judged = [
        (variant, name, difference)
        for variant, row in ablation["difference_from_reference"].items()
        for name, difference in row.items()
        if difference.get("family") == PRIMARY
    ]
    rows = [
        el(
            "tr",
            el("th", variant, scope="row"),
            el("td", f"{name} {ARROWS[METRICS[name].better]}", data_label=words[1]),
            el("td", ", ".join(difference["endpoint_of"]), data_label=words[2]),
            el("td", cell(_estimate_of(difference), signed=True), class_="number", data_label=words[3]),
            el("td", _margin(ablation["equivalence_margins"].get(name)), class_="number", data_label=words[4]),
            el("td", _outcome_of(difference), data_label=words[5]),
        )
        for variant, name, difference in sorted(judged, key=lambda row: ORDER.index(row[2]["outcome"]))
    ]
    if not rows:
        return el("p", "Nothing was compared: differences need two seeds that both variants have.", class_="note")
    return el("table", el("thead", head), el("tbody", *rows), class_="stacked")


def _margin(margin: float | None) -> str:
    return f"± {margin:.2g}" if margin else NOTHING


def _outcome_of(difference: Mapping[str, Any]) -> str:
    if difference["outcome"] != UNDECIDED:
        return f"{difference['outcome']} {sign(difference['outcome'], PRIMARY)}"
    return f"undecided: {about(difference.get('seeds_to_decide'))}"


def _number(ablation: AblationJson, variant: str, name: str) -> str:
    estimate = ablation["variants"].get(variant, {}).get(name)
    if not estimate:
        return "vacuous" if name in ablation["vacuous"].get(variant, []) else NOTHING
    return f"{cell(_estimate_of(estimate))} {sign(*_outcome(ablation, variant, name))}".rstrip()


def _estimate_of(written: Mapping[str, Any]) -> Estimate:
    return Estimate(written["mean"], written.get("half_width"), int(written["seeds"]))


def _outcome(ablation: AblationJson, variant: str, name: str) -> tuple[str, str]:
    """What the paired difference from the reference is, and its family; undecided where there is none."""
    difference = ablation["difference_from_reference"].get(variant, {}).get(name, {})
    return difference.get("outcome", UNDECIDED), difference.get("family", EXPLORATORY)


def _ends(estimates: Sequence[Mapping[str, float]], marks: Sequence[float]) -> tuple[float, float]:
    """Of an axis that leaves out whoever lies so far off that the others would be one dot; it is drawn at the edge.

    So is a mark that is farther from the others than they are from each other.
    """
    near = without_outliers([estimate["mean"] for estimate in estimates], marks)
    shown = [estimate for estimate in estimates if estimate["mean"] in near]
    ends = [estimate.get(end, estimate["mean"]) for estimate in shown for end in ("low", "high")]
    for mark in marks:  # the floor first
        if not ends or max(min(ends) - mark, mark - max(ends)) <= (max(ends) - min(ends)) or mark == marks[0]:
            ends.append(mark)
    return around(ends)


def _mark(x: Linear, anchor: str, value: float, top: float, bottom: float) -> Markup:
    line = el("path", d=f"M{x(value):.1f} {top}V{bottom}", class_=f"anchor {anchor.partition('_')[0]}")
    return el("g", el("title", f"{anchor}: {value:.4g}"), line, _beyond(x, value, top - 3))


def _estimate(x: Linear, y: float, whose: str, estimate: Mapping[str, float], outcome: str, family: str) -> Markup:
    mean = estimate["mean"]
    note = f"{NOTES[outcome]}{' (exploratory)' if outcome != UNDECIDED and family == EXPLORATORY else ''}"
    title = el("title", f"{whose}: {cell(_estimate_of(estimate))}{note}")
    if beyond := _beyond(x, mean, y + 4):
        return el("g", title, beyond, class_="estimate")
    whisker = el("path", d=f"M{x(estimate['low']):.1f} {y}H{x(estimate['high']):.1f}") if "low" in estimate else None
    dot = el("circle", cx=x(mean), cy=y, r=4.5, class_="full" if outcome in (DIFFERS, SLIGHT) else "open")
    return el("g", title, whisker, dot, class_="estimate")


def _beyond(x: Linear, value: float, y: float) -> Markup | None:
    """The value at the end of the axis that it lies beyond; None if it lies on the axis."""
    if x.low <= value <= x.high:
        return None
    left = value < x.low
    place, words = (x.start + 3, f"‹ {value:.3g}") if left else (x.end - 3, f"{value:.3g} ›")
    return el("text", words, x=f"{place:.1f}", y=y, class_="tick beyond" if left else "tick beyond end")


def _names(variants: Sequence[str], head: float, height: float) -> Markup:
    links = [
        el("a", el("text", variant, x=0, y=_middle(head, row), class_="label"), href=f"#variant-{variant}")
        for row, variant in enumerate(variants)
    ]
    return picture(NAMES, height, "Variants", *links)


def _own_names(variants: Sequence[str], head: float) -> Markup:
    """The names again on the left of one panel, shown where panels stand below each other."""
    drawn = [
        el("text", variant, x=-8, y=_middle(head, row), class_="label end") for row, variant in enumerate(variants)
    ]
    return el("g", *drawn, class_="own", aria_hidden="true")


def _middle(head: float, row: int) -> float:
    return head + ROW * (row + 0.5) + 4


def _beside(names: Markup, panels: Sequence[Markup]) -> Markup:
    """Panels in a row beside the names; on a narrow screen they stand below each other, each with its own."""
    return el("div", el("div", names, class_="names"), *panels, class_="panels")
