"""Every objective through the training of one variant, drawn: shares per epoch, and values beside their chance."""

from collections.abc import Mapping

from ehrgen.findings.page.axes import Linear, Log, Scale, x_axis, y_axis
from ehrgen.findings.page.html import Markup, el, joined, picture
from ehrgen.findings.statistics.history import Trace, Traces
from ehrgen.findings.text.tables import percent

Trainings = Mapping[int, Traces]  # seed -> objective -> its epochs
LEAST_SHARE = 1e-4  # of the axis: below, a share is drawn at its edge
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 534, 270, 52, 84, 26, 30
LINES = (  # column -> class, in words
    ("value", "solid", "training"),
    ("validation_value", "dashed", "validation"),
    ("chance", "dotted", "chance"),
)


def objectives(trainings: Trainings) -> list[str]:
    """Those with a weight in any seed, in the order of the history."""
    return list(dict.fromkeys(name for traces in trainings.values() for name in traces))


def shares(trainings: Trainings, series: Mapping[str, int]) -> Markup:
    """Share of the loss value and share of the gradient, an epoch a point and a seed a line, on the same axis."""
    halves = (("share", "Share of the loss value"), ("grad_share", "Share of the gradient"))
    return joined(*(_shares(trainings, series, column, title) for column, title in halves))


def _shares(trainings: Trainings, series: Mapping[str, int], column: str, title: str) -> Markup:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    x = Linear(*_epochs(trainings), LEFT + 8, right)
    y = Log(LEAST_SHARE, 1, bottom - 24, TOP, zero=bottom - 4)
    words = [(tick, percent(tick)) for tick in y.ticks()] + [(0, "none")]
    drawn: list[Markup] = []
    ends: dict[str, float] = {}
    for name in objectives(trainings):
        for traces in trainings.values():
            points = _points(traces, name, column)
            drawn.append(_line(points, x, y, f"s{series[name]} seed"))
            ends |= {name: points[-1][1]} if points else {}
    labels = _spread({name: y(value) for name, value in ends.items()}, 13)
    named = [el("text", n, x=right + 8, y=at + 4, class_=f"label t{series[n]}") for n, at in labels.items()]
    return picture(
        WIDTH, HEIGHT, f"{title} by epoch",
        el("text", title, x=LEFT, y=14, class_="title"),
        y_axis(y, LEFT, right, words), x_axis(x, bottom, bottom, [(n, f"{n:.0f}") for n in _whole(x)]),
        el("text", "epoch", x=right, y=bottom + 27, class_="tick end"), *drawn, *named,
    )  # fmt: skip


def trajectories(trainings: Trainings, series: Mapping[str, int]) -> Markup:
    """Value of each objective in nats, by epoch: training, validation, and what chance would give."""
    return joined(*(_trajectory(trainings, name, series[name]) for name in objectives(trainings)))


def _trajectory(trainings: Trainings, name: str, number: int) -> Markup:
    width, height, left = 254, 172, 40
    right, bottom = width - 10, height - 26
    lines_of = {column: [_points(traces, name, column) for traces in trainings.values()] for column, *_ in LINES}
    values = [value for lines in lines_of.values() for points in lines for _, value in points]
    x, y = Linear(*_epochs(trainings), left + 4, right), Linear(0, max([*values, 1e-9]) * 1.06, bottom, 28)
    drawn = [
        _line(points, x, y, f"s{number} seed {style}") for column, style, _ in LINES for points in lines_of[column]
    ]
    present = [word for column, _, word in LINES if any(lines_of[column])]
    return picture(
        width, height, f"{name}: {', '.join(present)} value by epoch, in nats",
        el("text", name, x=left, y=14, class_=f"title t{number}"), el("text", "nats", x=right, y=14, class_="tick end"),
        y_axis(y, left, right, [(tick, f"{tick:g}") for tick in y.ticks(4)]),
        x_axis(x, bottom, bottom, [(n, f"{n:.0f}") for n in _whole(x)]), *drawn,
    )  # fmt: skip


def key() -> Markup:
    """What the line styles of `trajectories` mean."""
    entries = []
    for _, style, word in LINES:
        line = el("svg", el("path", d="M0 5H26", class_=f"s0 {style}"), width="28", height="10", aria_hidden="true")
        entries.append(el("span", line, " ", word))
    return el("p", *entries, class_="key")


def _points(traces: Traces, name: str, column: str) -> list[tuple[float, float]]:
    epochs = traces.get(name, Trace(())).epochs
    return [(epoch["epoch"], epoch[column]) for epoch in epochs if column in epoch]


def _line(points: list[tuple[float, float]], x: Scale, y: Scale, style: str) -> Markup:
    """The points joined, each marked; their values as its tooltip."""
    if not points:
        return Markup("")
    places = [(x(epoch), y(value)) for epoch, value in points]
    line = "M" + "L".join(f"{across:.1f} {down:.1f}" for across, down in places)
    marks = [
        el("circle", el("title", f"epoch {epoch:.0f}: {value:.4g}"), cx=across, cy=down, r=2.4)
        for (across, down), (epoch, value) in zip(places, points, strict=True)
    ]
    return el("g", el("path", d=line), *marks, class_=style)


def _epochs(trainings: Trainings) -> tuple[float, float]:
    epochs = [row["epoch"] for traces in trainings.values() for trace in traces.values() for row in trace.epochs]
    first, last = min(epochs), max(epochs)
    return (first, last) if first < last else (first - 1, last + 1)


def _whole(scale: Linear) -> list[float]:
    return [tick for tick in scale.ticks(6) if tick == round(tick)]


def _spread(places: Mapping[str, float], room: float) -> dict[str, float]:
    """The same places, lower ones pushed on until all are `room` apart."""
    spread: dict[str, float] = {}
    for name, at in sorted(places.items(), key=lambda place: place[1]):
        spread[name] = max([at, *(other + room for other in spread.values())])
    return spread
