"""Which diagnoses meet in one visit, drawn: the lift of pairs in real patients, in synthetic ones, and the ratio.

Cells of one colour are one path, as 30 groups have 435 pairs; page.js tells the number below the pointer.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ehrgen.findings.page.html import Markup, el, joined
from ehrgen.findings.page.patients import brief

EDGES = (-2.0, -1.0, -0.5, -0.15, 0.15, 0.5, 1.0, 2.0)  # log2; in between one colour
TOO_FEW = "too-few"
NAMES, TOP, BETWEEN = 168, 26, 30


def heatmaps(pairs: Mapping[str, Any], cell: int, chapters: bool) -> Markup:
    """Three triangles side by side; `pairs` is chapter_pairs or category_pairs of a portrait."""
    labels, size = pairs["labels"], len(pairs["labels"])
    if size < 2:
        return el("p", "Too few groups of codes occur in 11 or more patients to show pairs of them.", class_="note")
    names = [brief(label) if chapters else _cut(label) for label in labels]
    columns = names if chapters else [label.split()[0] for label in labels]
    side, tick = cell * (size - 1), "tick end" if chapters else "tick end tiny"
    ratio = [_ratio(ours, theirs) for ours, theirs in zip(pairs["synthetic"], pairs["real"], strict=True)]
    panels = (("Real", pairs["real"]), ("Synthetic", pairs["synthetic"]), ("Synthetic / real", ratio))
    rows = [
        el("text", name, x=NAMES - 6, y=TOP + cell * (row + 0.5) + 3.5, class_=tick)
        for row, name in enumerate(names[1:])
    ]
    drawn = [
        _triangle(title, lifts, NAMES + at * (side + BETWEEN), cell, columns)
        for at, (title, lifts) in enumerate(panels)
    ]
    data = json.dumps(
        {
            "cell": cell,
            "left": NAMES,
            "top": TOP,
            "step": side + BETWEEN,
            "labels": labels,
            "values": [lifts for _, lifts in panels],
        }
    )
    width, height = NAMES + 3 * side + 2 * BETWEEN, TOP + side + (132 if chapters else 40)
    return el(
        "svg", *rows, *drawn, viewBox=f"0 0 {width} {height}", width=width, role="img", class_="heat", data_heat=data,
        aria_label=f"Lift of {len(ratio)} pairs: real, synthetic, and their ratio",
    )  # fmt: skip


def _triangle(title: str, lifts: Sequence[float | None], left: float, cell: int, columns: Sequence[str]) -> Markup:
    """Pairs in the order of numpy.tril_indices(K, -1): row 1 has one cell, row 2 two."""
    paths: dict[str, str] = {}
    size, at = len(columns), 0
    for row in range(1, size):
        for column in range(row):
            where = f"M{left + cell * column} {TOP + cell * (row - 1)}h{cell - 1}v{cell - 1}h-{cell - 1}z"
            paths[shade(lifts[at])] = paths.get(shade(lifts[at]), "") + where
            at += 1
    foot = TOP + cell * (size - 1) + 6
    words = [
        el("text", name, transform=f"translate({left + cell * (at + 0.75):.1f} {foot})rotate(-90)", class_="tick end")
        for at, name in enumerate(columns[:-1])
    ]
    head = el("text", title, x=left, y=14, class_="title")
    return joined(head, *(el("path", d=d, class_=name) for name, d in paths.items()), *words)


def shade(lift: float | None) -> str:
    """The class of a lift: h0, a quarter and less, over h4, as if independent, to h8, four times and more.

    Example:
        >>> shade(0.0), shade(1.0), shade(3.0), shade(99.0), shade(None)
        ('h0', 'h4', 'h7', 'h8', 'too-few')
    """
    if lift is None:
        return TOO_FEW
    power = math.log2(lift) if lift > 0 else -math.inf
    return f"h{sum(power > edge for edge in EDGES)}"


def scale() -> Markup:
    """What the colours mean."""
    words = ["≤ ¼", "≤ ½", "≤ 0.7", "≤ 0.9", "about 1", "> 1.1", "> 1.4", "> 2", "> 4"]
    steps = [el("span", el("i", class_=f"h{at}"), word) for at, word in enumerate(words)]
    return el(
        "p", "times as often together: ", *steps, el("span", el("i", class_=TOO_FEW), "too few to tell"), class_="key"
    )


def _ratio(synthetic: float | None, real: float | None) -> float | None:
    return None if synthetic is None or not real else synthetic / real


def _cut(label: str, most: int = 26) -> str:
    return label if len(label) <= most else f"{label[: most - 1].rstrip()}…"
