"""Dose and response: where a loss begins to act on what it is meant to move, and what that costs.

    python -m scripts.study doses && python -m scripts.doses

Reads studies/doses/ablation.json, writes doses.md and doses.svg beside it. Every variant of the study is the reference
and one loss more, at a multiple of its usual weight; its name ends in `_x` and the dose. Effects are in units of the
equivalence margin, a tenth of the gap between independent codes and real patients at least: 1 up is as much nearer to
real patients, 1 down as much farther. What differs is what the study's own comparison says.
"""

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ehrgen.core.files import read_json, write_text
from ehrgen.findings.page.axes import Linear, Log, apart, path_through, x_axis, y_axis
from ehrgen.findings.page.html import Markup, el, joined, short, svg_file
from ehrgen.findings.statistics.results import FLOOR
from ehrgen.findings.statistics.significance import DIFFERS, SLIGHT, UNDECIDED
from ehrgen.findings.text.tables import NOTHING, table
from ehrgen.metrics.table.suite import METRICS

FOLDER = Path(__file__).resolve().parents[1] / "studies/doses"
NAME = re.compile(r"(?P<loss>[a-z_]+)_x(?P<dose>\d+)")
COSTS = ("c2st_auc", "pair_r2", "coverage", "effective_codes")  # fidelity and diversity, of every loss alike


@dataclass(frozen=True)
class Response:
    """What a dose does to a metric.

    Attributes:
        benefit: In margins; below 0 it harms.
        half_width: Of the 95 % interval of the difference, in margins; None with one seed.
        outcome: What the difference from no dose is.
        difference: In the unit of the metric.
    """

    benefit: float
    half_width: float | None
    outcome: str
    difference: float

    @property
    def acts(self) -> bool:
        """Whether it differs for the better."""
        return self.outcome in (DIFFERS, SLIGHT) and self.benefit > 0

    @property
    def harms(self) -> bool:
        """Whether it differs for the worse."""
        return self.outcome in (DIFFERS, SLIGHT) and self.benefit < 0


@dataclass(frozen=True)
class Curve:
    """A loss: metric -> dose -> response, first what it is meant to move, then what it costs."""

    loss: str
    moved: dict[str, dict[int, Response]]
    costs: dict[str, dict[int, Response]]

    @property
    def acts_from(self) -> int | None:
        """The smallest dose at which something that it is meant to move is better."""
        return min((dose for row in self.moved.values() for dose, one in row.items() if one.acts), default=None)


def curves(ablation: Mapping[str, Any]) -> list[Curve]:
    """The curve of every loss in the content of a study's ablation.json."""
    doses: dict[str, dict[int, str]] = {}
    for variant in ablation["variants"]:
        if match := NAME.fullmatch(variant):
            doses.setdefault(match["loss"], {})[int(match["dose"])] = variant
    found = []
    for loss, variants in doses.items():
        declared = ablation["difference_from_reference"][variants[min(variants)]]
        why = {metric: " ".join(row["endpoint_of"]) for metric, row in declared.items() if "endpoint_of" in row}
        moves = [metric for metric, reasons in why.items() if "moves" in reasons]
        rows = {metric: _row(ablation, metric, variants) for metric in dict.fromkeys((*moves, *COSTS))}
        rows = {metric: row for metric, row in rows.items() if row}
        moved = {metric: row for metric, row in rows.items() if metric in moves}
        found.append(Curve(loss, moved, {metric: row for metric, row in rows.items() if metric not in moved}))
    return found


def _row(ablation: Mapping[str, Any], metric: str, variants: Mapping[int, str]) -> dict[int, Response]:
    """Dose -> response; empty where the metric has no margin or no real patients to compare with."""
    margin, means = ablation["equivalence_margins"].get(metric), ablation["variants"]
    target = ablation["anchors"].get(FLOOR, {}).get(metric)
    base = means[ablation["reference"]].get(metric)
    if not margin or target is None or base is None:
        return {}
    row = {}
    for dose, variant in sorted(variants.items()):
        difference = ablation["difference_from_reference"].get(variant, {}).get(metric)
        if difference is not None:
            gaps = [METRICS[metric].gap(value["mean"], target) for value in (base, means[variant][metric])]
            half = difference.get("half_width")
            row[dose] = Response(
                (gaps[0] - gaps[1]) / margin,
                None if half is None else half / margin,
                difference.get("outcome", UNDECIDED),
                difference["mean"],
            )
    return row


PANEL, HEIGHT, LEFT, TOP, IN_A_ROW, LABELS = 330, 250, 44, 34, 3, 118
MOST = 10.0  # margins; what goes beyond is drawn at the edge
INK = ("#0b62a4", "#17703f")  # what a loss is meant to move
SOFT = ("#c8500a", "#9a3b6b", "#8a6d00", "#5b6472")  # what it costs
STYLE = """
text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: #5b6472; }
.title { font-size: 14px; font-weight: 600; fill: #1d2430; } .tick { font-size: 11px; }
.end { text-anchor: end; } .mid { text-anchor: middle; } .grid { stroke: #d9d6d0; }
.line { fill: none; stroke-width: 2; } .cost { stroke-dasharray: 5 3; } .band { fill: #d9d6d0; opacity: 0.5; }
"""


def dose_figure(curves: Sequence[Curve]) -> str:
    """The whole file; on white, as it is seen on light and dark pages."""
    rows = -(-len(curves) // IN_A_ROW)
    width, height = PANEL * IN_A_ROW, HEIGHT * rows + 30
    panels = [_panel(curve, PANEL * (n % IN_A_ROW), 30 + HEIGHT * (n // IN_A_ROW)) for n, curve in enumerate(curves)]
    words = (
        "Better (up) or worse (down) than without the loss, in equivalence margins, by dose. Full dots differ. "
        "Dashed: what it may cost."
    )
    return svg_file(
        width,
        height,
        "Effect of each loss by dose on what it is meant to move and on fidelity and diversity",
        STYLE,
        el("rect", x=0, y=0, width=width, height=height, fill="#ffffff"),
        el("text", words, x=8, y=18),
        *panels,
    )


def _panel(curve: Curve, left: float, top: float) -> Markup:
    doses = sorted({dose for row in (*curve.moved.values(), *curve.costs.values()) for dose in row})
    right, bottom = left + PANEL - LABELS, top + HEIGHT - 34
    x = Log(min(doses), max([*doses, min(doses) * 10]), left + LEFT + 8, right - 8, zero=left + LEFT)
    y = Linear(-MOST, MOST, bottom, top + TOP)
    band = el("rect", x=left + LEFT, y=y(1), width=right - left - LEFT, height=y(-1) - y(1), class_="band")
    inks = [*zip(curve.moved.items(), INK, strict=False), *zip(curve.costs.items(), SOFT, strict=False)]
    places = apart({metric: y(row[max(row)].benefit) for (metric, row), _ in inks}, 13)
    lines = [
        joined(
            _line(row, x, y, ink, metric in curve.costs),
            el("text", metric, x=right + 2, y=places[metric] + 4, class_="tick", style=f"fill: {ink}"),
        )
        for (metric, row), ink in inks
    ]
    return joined(
        el("text", curve.loss, x=left + LEFT, y=top + 20, class_="title"),
        band,
        y_axis(y, left + LEFT, right, [(tick, f"{tick:g}") for tick in y.ticks(4)]),
        x_axis(x, bottom, bottom, [(dose, f"×{dose}") for dose in doses]),
        *lines,
    )


def _line(row: Mapping[int, Response], x: Log, y: Linear, ink: str, cost: bool) -> Markup:
    places = [(x(dose), y(one.benefit), dose, one) for dose, one in row.items()]
    path = path_through((across, down) for across, down, _, _ in places)
    dots = []
    for across, down, dose, one in places:
        title = el("title", f"×{dose}: {one.benefit:+.2f} margins, {one.outcome}")
        fill = ink if one.acts or one.harms else "#ffffff"
        dots.append(el("circle", title, cx=across, cy=down, r=3.5, fill=fill, stroke=ink))
        if one.half_width is not None:
            ends = [short(y(one.benefit + way * one.half_width)) for way in (-1, 1)]
            dots.append(el("path", d=f"M{short(across)} {ends[0]}V{ends[1]}", stroke=ink, opacity="0.6"))
    return joined(el("path", d=path, class_="line cost" if cost else "line", stroke=ink), *dots)


HEAD = """\
# From which dose a loss acts, and what it costs

![Effect of each loss by dose](doses.svg)

Each loss alone beside the language model, at 1 to 1,000 times its usual weight, against the language model alone.
Effects are in equivalence margins: 1 is a tenth of the gap between independent codes and real patients, or half a
percentage point of a rate; up is nearer to real patients. The grey band is what does not matter. Full dots differ: of
what the loss is meant to move by Holm's correction, of what it costs by false discovery rate unless it is declared as
what the loss may harm. Written by `python -m scripts.doses` from [ablation.json](ablation.json)."""


def page(curves: Sequence[Curve]) -> str:
    """The whole page."""
    sentences = "\n".join(f"- {sentence(curve)}" for curve in curves)
    return "\n\n".join([HEAD, sentences, *(_table(curve) for curve in curves)]) + "\n"


def sentence(curve: Curve) -> str:
    """A loss in one sentence."""
    doses = sorted({dose for row in curve.moved.values() for dose in row})
    if (dose := curve.acts_from) is None:
        worse = _listed({metric: row[doses[-1]] for metric, row in curve.moved.items() if row[doses[-1]].harms})
        costs = _costs(curve, doses[-1])
        tail = f"; there it {'worsens ' + worse if worse else 'costs ' + costs}" if worse or costs else ""
        return f"**{curve.loss}** does not act up to {doses[-1]:,} times its weight{tail}."
    acted = _listed({metric: row[dose] for metric, row in curve.moved.items() if row[dose].acts})
    costs = _costs(curve, dose)
    where = "at its usual weight" if dose == 1 else f"from {dose:,} times its weight"
    first = f"**{curve.loss}** acts {where} ({acted})"
    dearest = _costs(curve, doses[-1])
    price = f"costs {costs} there" if costs else "costs nothing that is seen there"
    more = f", and at {doses[-1]:,} times {dearest}" if dose < doses[-1] and dearest and dearest != costs else ""
    return f"{first} and {price}{more}."


def _costs(curve: Curve, dose: int) -> str:
    return _listed({metric: row[dose] for metric, row in curve.costs.items() if dose in row and row[dose].harms})


def _listed(responses: dict[str, Response]) -> str:
    return ", ".join(f"{metric} {one.difference:+.3g}" for metric, one in responses.items())


def _table(curve: Curve) -> str:
    doses = sorted({dose for row in (*curve.moved.values(), *curve.costs.values()) for dose in row})
    rows = [
        [f"{metric}{'' if metric in curve.moved else ' (cost)'}", *(_cell(row.get(dose)) for dose in doses)]
        for metric, row in (*curve.moved.items(), *curve.costs.items())
    ]
    return table([curve.loss, *(f"x{dose}" for dose in doses)], rows)


def _cell(one: Response | None) -> str:
    if one is None:
        return NOTHING
    half = "" if one.half_width is None else f" ± {one.half_width:.2g}"
    return f"{one.benefit:+.2g}{half}{' *' if one.acts or one.harms else '  '}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of ablation.json, and for what is written")
    folder = parser.parse_args().folder
    found = curves(read_json(folder / "ablation.json", "run `python -m scripts.study doses`"))
    write_text(page(found), folder / "doses.md")
    write_text(dose_figure(found), folder / "doses.svg")
    print(f"wrote {folder / 'doses.md'}, {folder / 'doses.svg'}")


if __name__ == "__main__":
    main()
