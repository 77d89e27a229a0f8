"""Looking several times, with more seeds each time, at one error: what a look may spend, and what it decides for good.

Of the error of 5 % a part is spent at each look, by Pocock's spending function of the share of all seeds that are
there. A look tests at no more than what it spends. The spent parts sum to 5 %, so whatever depends on whatever, the
chance of a false decision at any look is at most that. (Boundaries that use how looks depend on each other are wider;
they need the joint distribution of t statistics of few seeds, and are right only as far as that is.) What a look
decides stays decided.

Source:
    Lan and DeMets (1983), Discrete sequential boundaries for clinical trials, https://doi.org/10.1093/biomet/70.3.659.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ehrgen.findings.statistics.significance import ALPHA, UNDECIDED, Key, Significance

GROWTH = 1.5  # from look to look


@dataclass(frozen=True)
class Look:
    """One look: so many seeds, and the error that it may spend."""

    seeds: int
    alpha: float


def schedule(first: int, most: int) -> list[Look]:
    """When to look: with `first` seeds, then with half as many again each time, last with `most`.

    Example:
        >>> [(look.seeds, round(look.alpha, 4)) for look in schedule(3, 12)]
        [(3, 0.0179), (5, 0.0091), (8, 0.0112), (12, 0.0118)]
    """
    numbers = [first]
    while (more := math.ceil(numbers[-1] * GROWTH)) < most:
        numbers.append(more)
    numbers += [most] if most > first else []
    spent = [0.0, *(spent_by(seeds / numbers[-1]) for seeds in numbers)]
    return [Look(seeds, after - before) for seeds, before, after in zip(numbers, spent, spent[1:], strict=False)]


def spent_by(share: float) -> float:
    """The error spent when this share of all seeds is there, 0 at 0 and ALPHA at 1."""
    return ALPHA * math.log(1 + (math.e - 1) * share)


def decided(looks: Sequence[Mapping[Key, Significance]]) -> dict[Key, tuple[int, Significance]]:
    """(variant, metric) -> the place of the first look that decides it, and how; the last look where none does.

    Args:
        looks: What each look says of what had not been decided before; what is absent from a look was not looked at.
    """
    found: dict[Key, tuple[int, Significance]] = {}
    for place, look in enumerate(looks):
        for key, judged in look.items():
            if key not in found or found[key][1].outcome == UNDECIDED:
                found[key] = (place, judged)
    return found
