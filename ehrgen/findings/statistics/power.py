"""How many training seeds would decide what is undecided, if mean and spread over seeds are as measured.

An estimate of an estimate, from few seeds: to plan with, and to see that some questions are out of reach.

Sources:
    Johnson, Kotz and Balakrishnan (1995), Continuous Univariate Distributions 2, chapter 31: the noncentral t.
    Phillips (1990), Power of the two one-sided tests procedure, https://doi.org/10.1007/BF01063556. Here it is the sum
    of the powers of both tests less 1, which is never too much.
"""

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

from scipy.special import nctdtr

from ehrgen.findings.statistics.intervals import LEVEL, Estimate, t_quantile

POWER = 0.8
MOST_SEEDS = 200


@dataclass(frozen=True)
class Spread:
    """What a mean over n more seeds would be: normal values with this mean and standard deviation.

    Example:
        >>> spread = Spread.of(Estimate.of([1.0, 2.0, 3.0]))
        >>> spread.mean, round(spread.deviation, 6)
        (2.0, 1.0)
    """

    mean: float
    deviation: float
    freedom_a_seed: float = 1.0
    """Degrees of freedom that a further seed adds: several where variants share one estimate of the spread."""

    @classmethod
    def of(cls, estimate: Estimate) -> "Spread":
        """The spread over seeds behind an estimate.

        Raises:
            ValueError: If it has no interval.
        """
        if estimate.error is None:
            raise ValueError("one seed has no spread")
        deviation = estimate.error * math.sqrt(estimate.seeds)
        return cls(estimate.mean, deviation, estimate.freedom / (estimate.seeds - 1))

    def lies_inside(self, low: float, high: float, seeds: int, level: float) -> float:
        """P(the interval of this level over `seeds` seeds lies between both ends), at least."""
        return max(0.0, self._clears(self.mean - low, seeds, level) + self._clears(high - self.mean, seeds, level) - 1)

    def lies_outside(self, low: float, high: float, seeds: int, level: float) -> float:
        """P(the interval of this level over `seeds` seeds lies below `low` or above `high`)."""
        return self._clears(low - self.mean, seeds, level) + self._clears(self.mean - high, seeds, level)

    def _clears(self, gap: float, seeds: int, level: float) -> float:
        """P(one end of the interval stays on the mean's side of an edge that lies `gap` from the true mean)."""
        if math.isinf(gap):
            return float(gap > 0)
        error, freedom = self.deviation / math.sqrt(seeds), round(self.freedom_a_seed * (seeds - 1))
        return 1 - float(nctdtr(freedom, gap / error, t_quantile(freedom, level)))


def seeds_to_decide_difference(
    difference: Estimate, margin: float, alpha: float, alpha_equivalent: float
) -> int | None:
    """Seeds with which a paired difference would be shown to be one, or to lie within the equivalence margin.

    Args:
        alpha: Level of the test against 0, two-sided, after correction.
        alpha_equivalent: Level of each of the two one-sided tests against the margin.

    Returns:
        The fewest with a power of POWER, more than there are; None if more than MOST_SEEDS.
    """
    spread = Spread.of(difference)
    return _fewest(
        lambda seeds: max(
            spread.lies_outside(0.0, 0.0, seeds, 1 - alpha),
            spread.lies_inside(-margin, margin, seeds, 1 - 2 * alpha_equivalent),
        ),
        difference.seeds,
    )


def seeds_to_decide_range(effect: Estimate, limits: tuple[float, float]) -> int | None:
    """Seeds with which the interval of an effect would lie inside a range, or outside of it.

    Returns:
        As `seeds_to_decide_difference`.
    """
    spread = Spread.of(effect)
    return _fewest(
        lambda seeds: max(spread.lies_inside(*limits, seeds, LEVEL), spread.lies_outside(*limits, seeds, LEVEL)),
        effect.seeds,
    )


def _fewest(power: Callable[[int], float], seeds: int) -> int | None:
    """The fewest seeds, more than these, with enough power: power grows with their number."""
    more = range(seeds + 1, MOST_SEEDS + 1)
    place = bisect_left(more, POWER, key=power)
    return more[place] if place < len(more) else None
