"""The answer in one figure, a file of its own for the README: what each loss weighs, and what became of the samples."""

from collections.abc import Mapping
from typing import Any

from ehrgen.findings.page.axes import Linear, Log, x_axis
from ehrgen.findings.page.html import Markup, el, joined, short, svg_file
from ehrgen.findings.statistics.results import FLOOR
from ehrgen.findings.text.tables import percent

NAMES, PANEL, GAP, ROW, TOP = 128, 262, 30, 24, 70
LEAST = 1e-4  # a share, the left end of its axis
COVERAGE = "coverage"
SHARES = {"share": "value", "grad_share": "pull"}  # of losses: column -> class of its dot
STYLE = """
svg { --ink: #1d2430; --soft: #5b6472; --grid: #d9d6d0; --value: #c8500a; --pull: #0b62a4; --real: #17703f; }
@media (prefers-color-scheme: dark) {
  svg { --ink: #e8eaee; --soft: #aab2bf; --grid: #3a4250; --value: #ff9656; --pull: #7ab8f0; --real: #7fdba6; }
}
text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: var(--soft); }
.title { font-size: 14px; font-weight: 600; fill: var(--ink); } .label { fill: var(--ink); }
.tick { font-size: 11px; } .end { text-anchor: end; } .mid { text-anchor: middle; }
.grid { stroke: var(--grid); } .thread { stroke: var(--soft); stroke-width: 1.5; opacity: 0.6; }
.value { fill: none; stroke: var(--value); stroke-width: 2; } .pull { fill: var(--pull); }
.bar { fill: var(--pull); opacity: 0.75; } .whisker { stroke: var(--ink); stroke-width: 1.5; }
.real { stroke: var(--real); stroke-width: 2; } text.real { stroke: none; fill: var(--real); }
text.value { stroke: none; fill: var(--value); }
"""


def figure(ablation: Mapping[str, Any]) -> str:
    """An SVG file from the content of reports/ablation.json: losses of the reference left, coverage of all right.

    Below the losses of the reference stands the first of another variant that has weight and no gradient at all.
    It names its own colours, for a light and for a dark page.
    """
    weighted = _weighted(ablation, ablation["reference"])
    for variant in ablation["objectives"]:
        if without := [values for values in _weighted(ablation, variant).values() if values.get("grad_share") == 0]:
            weighted[variant] = without[0]
            break
    known = [name for name, measures in ablation["variants"].items() if COVERAGE in measures]
    variants = sorted(known, key=lambda name: name != ablation["reference"])
    bottom = TOP + ROW * max(len(weighted), len(variants))
    width, height = 2 * (NAMES + PANEL) + GAP, bottom + 34
    return svg_file(
        width,
        height,
        "Share of the loss value and of the gradient by loss; coverage by variant",
        STYLE,
        _losses(weighted, NAMES, bottom),
        _coverage(ablation, variants, 2 * NAMES + PANEL + GAP, bottom),
    )


def _weighted(ablation: Mapping[str, Any], variant: str) -> dict[str, Mapping[str, float]]:
    """The losses that a variant gives a weight, with their shares."""
    losses = ablation["objectives"].get(variant, {})
    return {name: values for name, values in losses.items() if values.get("weight") and "share" in values}


def _losses(weighted: Mapping[str, Mapping[str, float]], left: float, bottom: float) -> Markup:
    x = Log(LEAST, 1, left + 22, left + PANEL - 14, zero=left + 6)
    rows: list[Markup] = []
    for row, (name, values) in enumerate(weighted.items()):
        y = TOP + ROW * (row + 0.5)
        rows.append(el("text", name, x=left - 10, y=y + 4, class_="label end"))
        ends = [x(values[column]) for column in SHARES if column in values]
        rows.append(el("path", d=f"M{short(min(ends))} {short(y)}H{short(max(ends))}", class_="thread"))
        for column, word in SHARES.items():
            if column in values:
                title = el("title", f"{name}: {percent(values[column])}")
                rows.append(el("circle", title, cx=x(values[column]), cy=y, r=5, class_=word))
    return joined(
        el("text", "What each loss weighs, and how hard it pulls", x=0, y=18, class_="title"),
        el("text", "○ share of the loss value", x=0, y=42, class_="value"),
        el("text", "● share of the gradient", x=170, y=42, style="fill: var(--pull)"),
        x_axis(x, TOP - 8, bottom, [(0, "0"), *((tick, percent(tick)) for tick in x.ticks()[1:])]),
        *rows,
    )


def _coverage(ablation: Mapping[str, Any], variants: list[str], left: float, bottom: float) -> Markup:
    real = ablation["anchors"].get(FLOOR, {}).get(COVERAGE)  # absent where too few patients were compared
    estimates = {name: ablation["variants"][name][COVERAGE] for name in variants}
    ends = [*([] if real is None else [real]), *(one.get("high", one["mean"]) for one in estimates.values())]
    x = Linear(0, max(ends, default=1.0) * 1.06, left, left + PANEL - 14)
    rows = []
    for row, (name, estimate) in enumerate(estimates.items()):
        y, end = TOP + ROW * (row + 0.5), x(estimate["mean"])
        rows += [
            el("text", name, x=left - 10, y=y + 4, class_="label end"),
            el(
                "rect",
                el("title", f"{estimate['mean']:.3f}"),
                x=left,
                y=y - 6,
                width=end - left,
                height=12,
                class_="bar",
            ),
        ]
        if end - left < 40:
            rows.append(el("text", f"{estimate['mean']:.3f}", x=end + 6, y=y + 4, class_="tick"))
        if "low" in estimate:
            interval = f"M{short(x(estimate['low']))} {short(y)}H{short(x(estimate['high']))}"
            rows.append(el("path", d=interval, class_="whisker"))
    if real is not None:
        rows.append(el("path", d=f"M{short(x(real))} {TOP - 14}V{short(bottom)}", class_="real"))
        rows.append(el("text", "real patients", x=x(real) + 6, y=TOP - 18, class_="real end"))
    return joined(
        el("text", "How many different codes the samples have", x=left - NAMES + 10, y=18, class_="title"),
        el("text", "coverage; 0: one code for everybody", x=left - NAMES + 10, y=42),
        x_axis(x, TOP - 8, bottom, [(tick, f"{tick:g}") for tick in x.ticks(5)]),
        *rows,
    )
