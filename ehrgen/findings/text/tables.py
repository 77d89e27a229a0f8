"""Markdown that also reads well in a terminal: tables of padded columns, numbers with their uncertainty."""

import math
from collections.abc import Iterable, Sequence

from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.findings.statistics.power import MOST_SEEDS
from ehrgen.findings.statistics.significance import DIFFERS, EQUIVALENT, NO_HARM, PRIMARY, SLIGHT
from ehrgen.metrics.table.scores import rounded

NOTHING = "–"
ARROWS = {"higher": "↑", "lower": "↓", "match": "="}


def sign(outcome: str, family: str) -> str:
    """What stands beside a difference: * differs, ° differs among the exploratory ones, ≈ within the margin.

    Example:
        >>> sign("differs", "primary"), sign("slight", "exploratory"), sign("equivalent", "primary")
        ('*', '°≈', '≈')
    """
    differs = ("*" if family == PRIMARY else "°") if outcome in (DIFFERS, SLIGHT) else ""
    return differs + ("≈" if outcome in (SLIGHT, EQUIVALENT, NO_HARM) else "")


def about(seeds: int | None) -> str:
    """How many seeds would decide it, in words.

    Example:
        >>> about(9), about(None)
        ('about 9 seeds', 'more than 200 seeds')
    """
    return f"about {seeds} seeds" if seeds else f"more than {MOST_SEEDS} seeds"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table with padded columns: the first to the left, the others to the right.

    Example:
        >>> print(table(["name", "value"], [["a", "1"], ["bcdef", "10"]]))
        | name  | value |
        |:------|------:|
        | a     |     1 |
        | bcdef |    10 |
    """
    lines = [header, *rows]
    width = [max(len(line[column]) for line in lines) for column in range(len(header))]
    padded = [[line[0].ljust(width[0]), *map(str.rjust, line[1:], width[1:])] for line in lines]
    first, *others = ["| " + " | ".join(cells) + " |" for cells in padded]
    rule = "|:" + "-" * (width[0] + 1) + "|" + "".join("-" * (size + 1) + ":|" for size in width[1:])
    return "\n".join([first, rule, *others])


def percent(share: float) -> str:
    """A share in words.

    Example:
        >>> percent(0.283), percent(0.0004), percent(0), percent(1)
        ('28.3 %', '0.04 %', '0 %', '100 %')
    """
    return f"{share * 100:.3g} %"


def cell(estimate: Estimate, signed: bool = False) -> str:
    """`mean ± half-width`, the half-width to two digits and the mean to as many decimals.

    Example:
        >>> cell(Estimate(0.95123, 0.0021, 3)), cell(Estimate(1523.4, 42, 3)), cell(Estimate(7.25, None, 1))
        ('0.9512 ± 0.0021', '1523 ± 42', '7.25')
    """
    sign = "+" if signed else ""
    if not estimate.half_width:
        return f"{estimate.mean:{sign}.4g}" + ("" if estimate.half_width is None else " ± 0")
    mean, half_width = rounded(estimate.mean), rounded(estimate.half_width)  # as in the JSON reports: one rounding
    digits = min(6, max(0, 1 - math.floor(math.log10(half_width))))
    return f"{mean:{sign}.{digits}f} ± {half_width:.{digits}f}"


def bracketed(value: float, error: float) -> str:
    """A value and its standard error, the latter to two digits.

    Example:
        >>> bracketed(0.98412, 0.00181), bracketed(0.0, 0.0)
        ('0.9841 (0.0018)', '0 (0)')
    """
    return f"{value:.4g} ({error:.2g})"
