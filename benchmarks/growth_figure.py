"""CPU seconds and peak memory of each part against the number of patients, both axes logarithmic."""

import re
from collections.abc import Mapping

from ehrgen.findings.page.axes import Log, apart, path_through, x_axis, y_axis
from ehrgen.findings.page.html import Markup, el, joined, svg_file

WIDTH, HEIGHT, LEFT, TOP, NAMES = 470, 330, 56, 46, 96
NAME = re.compile(r"(?P<part>\w+), (?P<patients>[\d,]+) patients")
PANELS = {"cpu": "CPU seconds", "peak": "Peak memory, GB"}
INKS = 6
STYLE = """
svg { --ink: #1d2430; --soft: #5b6472; --grid: #d9d6d0;
  --ink0: #0b62a4; --ink1: #17703f; --ink2: #c8500a; --ink3: #9a3b6b; --ink4: #7a6000; --ink5: #4b52c4; }
@media (prefers-color-scheme: dark) {
  svg { --ink: #e8eaee; --soft: #aab2bf; --grid: #3a4250;
    --ink0: #7ab8f0; --ink1: #7fdba6; --ink2: #ff9656; --ink3: #f09ac8; --ink4: #e6cf6a; --ink5: #b3b8ff; }
}
text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: var(--soft); }
.title { font-size: 14px; font-weight: 600; fill: var(--ink); } .tick { font-size: 11px; }
.end { text-anchor: end; } .mid { text-anchor: middle; } .grid { stroke: var(--grid); }
.line { fill: none; stroke-width: 2; } .linear { stroke: var(--soft); stroke-dasharray: 3 4; fill: none; }
"""
Points = list[tuple[int, float]]


def figure(rows: Mapping[str, Mapping[str, float]]) -> str:
    """The whole file, from the rows of the benchmark; on a light page and on a dark one.

    A line a part and a dot a size; the dotted line grows as the number of patients does.
    """
    panels = [_panel(_of(rows, what), title, WIDTH * n) for n, (what, title) in enumerate(PANELS.items())]
    label = "CPU seconds and peak memory of each part of a run by the number of patients"
    return svg_file(WIDTH * len(PANELS), HEIGHT, label, STYLE, *panels)


def _of(rows: Mapping[str, Mapping[str, float]], what: str) -> dict[str, Points]:
    parts: dict[str, Points] = {}
    for name, row in rows.items():
        if (match := NAME.fullmatch(name)) and what in row:
            parts.setdefault(match["part"], []).append((int(match["patients"].replace(",", "")), row[what]))
    return parts


def _panel(parts: Mapping[str, Points], title: str, left: float) -> Markup:
    sizes = sorted({size for points in parts.values() for size, _ in points})
    values = [value for points in parts.values() for _, value in points]
    start, right, bottom = left + LEFT, left + WIDTH - NAMES, HEIGHT - 40
    x = Log(sizes[0], max(sizes[-1], sizes[0] * 2), start + 8, right - 8, zero=start)
    y = Log(min(values) / 1.3, max(values) * 1.3, bottom, TOP, zero=bottom)
    ends = apart({name: y(points[-1][1]) for name, points in parts.items()}, 14)
    lines = [_line(name, points, x, y, f"var(--ink{n % INKS})") for n, (name, points) in enumerate(parts.items())]
    labels = [
        el("text", name, x=right + 4, y=ends[name] + 4, style=f"fill: var(--ink{n % INKS})")
        for n, name in enumerate(parts)
    ]
    reach = min(sizes[-1] / sizes[0], y.high / (y.low * 1.3))
    rise = path_through([(x(sizes[0]), y(y.low * 1.3)), (x(sizes[0] * reach), y(y.low * 1.3 * reach))])
    return joined(
        el("text", title, x=start, y=20, class_="title"),
        y_axis(y, start, right, [(tick, f"{tick:g}") for tick in _ticks(y)]),
        x_axis(x, TOP, bottom, [(size, f"{size:,}") for size in sizes]),
        el("text", "patients; dotted: linear growth", x=(start + right) / 2, y=bottom + 32, class_="tick mid"),
        el("path", d=rise, class_="linear"),
        *lines,
        *labels,
    )


def _ticks(scale: Log) -> list[float]:
    """1, 2 and 5 of every power of ten in sight."""
    powers = Log(scale.low / 10, scale.high * 10, 0, 1, zero=0).ticks()
    return [tick for power in powers for tick in (power, 2 * power, 5 * power) if scale.low <= tick <= scale.high]


def _line(name: str, points: Points, x: Log, y: Log, ink: str) -> Markup:
    dots = [
        el("circle", el("title", f"{name}, {size:,} patients: {value:.3g}"), cx=x(size), cy=y(value), r=3.5,
           style=f"fill: {ink}")
        for size, value in points
    ]  # fmt: skip
    path = path_through([(x(size), y(value)) for size, value in points])
    return joined(el("path", d=path, class_="line", style=f"stroke: {ink}"), *dots)
