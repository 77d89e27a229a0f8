"""From numbers to places on a drawing: linear and logarithmic axes, their ticks, and the words of the ticks."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from ehrgen.findings.page.html import Markup, el, joined, short


@dataclass(frozen=True)
class Linear:
    """Numbers from `low` to `high` at pixels from `start` to `end`; what lies beyond is drawn at the edge.

    Example:
        >>> scale = Linear(0, 10, 100, 200)
        >>> scale(2.5), scale(99), scale.ticks()
        (125.0, 200.0, [0.0, 2.0, 4.0, 6.0, 8.0, 10.0])
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        part = (value - self.low) / (self.high - self.low)
        return self.start + min(1.0, max(0.0, part)) * (self.end - self.start)

    def ticks(self, most: int = 6) -> list[float]:
        step = _round_step((self.high - self.low) / most)
        first = math.ceil(self.low / step - 1e-9)
        return [round(float(n * step), 10) for n in range(first, math.floor(self.high / step + 1e-9) + 1)]


@dataclass(frozen=True)
class Log:
    """Positive numbers likewise, equal ratios at equal distances; 0 and less at `zero`, a place of its own.

    Example:
        >>> scale = Log(0.01, 1, 100, 300, zero=80)
        >>> scale(0.1), scale(0), scale.ticks()
        (200.0, 80, [0.01, 0.1, 1.0])
    """

    low: float
    high: float
    start: float
    end: float
    zero: float

    def __call__(self, value: float) -> float:
        if value <= 0:
            return self.zero
        part = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + min(1.0, max(0.0, part)) * (self.end - self.start)

    def ticks(self) -> list[float]:
        first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
        return [10.0**power for power in range(first, last + 1)]


Scale = Linear | Log


def around(values: Iterable[float], margin: float = 0.08) -> tuple[float, float]:
    """Ends of an axis that holds these values with some room; a lone value gets room on both sides.

    Example:
        >>> around([0, 100]), around([5.0])
        ((-8.0, 108.0), (4.5, 5.5))
    """
    listed = list(values)
    low, high = min(listed), max(listed)
    room = (high - low) * margin or abs(high) * 0.1 or 1.0
    return low - room, high + room


def without_outliers(values: Sequence[float], marks: Sequence[float] = ()) -> list[float]:
    """Those no further from their median than four times the usual distance to it, or one and a half times a mark's.

    The usual distance is the median one. If neither is above 0, all are kept.

    Example:
        >>> without_outliers([0.70, 0.68, 0.69, 0.71, -4.0], [0.79])
        [0.7, 0.68, 0.69, 0.71]
    """
    middle = median(values)
    usual = median(abs(value - middle) for value in values)
    limit = max(4 * usual, *(1.5 * abs(mark - middle) for mark in marks), 0.0)
    return [value for value in values if abs(value - middle) <= limit] if limit else list(values)


def x_axis(scale: Scale, top: float, bottom: float, words: Sequence[tuple[float, str]]) -> Markup:
    """Vertical grid lines with words below."""
    lines = [el("path", class_="grid", d=f"M{scale(at):.1f} {top}V{bottom}") for at, _ in words]
    return joined(*lines, *(el("text", text, x=scale(at), y=bottom + 14, class_="tick mid") for at, text in words))


def y_axis(scale: Scale, left: float, right: float, words: Sequence[tuple[float, str]]) -> Markup:
    """Horizontal grid lines with words on the left."""
    lines = [el("path", class_="grid", d=f"M{left} {scale(at):.1f}H{right}") for at, _ in words]
    return joined(*lines, *(el("text", text, x=left - 6, y=scale(at) + 4, class_="tick end") for at, text in words))


def path_through(places: Iterable[tuple[float, float]]) -> str:
    """The `d` of a path of straight lines.

    Example:
        >>> path_through([(0, 1), (2.5, 3)])
        'M0 1L2.5 3'
    """
    return "M" + "L".join(f"{short(across)} {short(down)}" for across, down in places)


def apart(places: Mapping[str, float], least: float) -> dict[str, float]:
    """The same places of names, lower ones pushed down until none covers another.

    Example:
        >>> apart({"a": 5, "b": 0}, 13)
        {'b': 0, 'a': 13}
    """
    spread: dict[str, float] = {}
    for name, at in sorted(places.items(), key=lambda place: place[1]):
        spread[name] = max([at, *(other + least for other in spread.values())])
    return spread


def _round_step(least: float) -> float:
    power = 10 ** math.floor(math.log10(least))
    return next(times * power for times in (1, 2, 5, 10) if times * power >= least * 0.999)
