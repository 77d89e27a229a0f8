"""Uncertainty over training seeds: Student's t intervals.

Why t and not a bootstrap: three seeds have ten distinct resamples, and their percentiles cover far less than
95 %. The t interval is exact for normal values at any number of seeds and honestly wide at few: with three,
the half-width is 2.5 standard deviations. It speaks of training seeds alone, not of the sample of patients.

From scipy.special, which is what scipy.stats.t calls: it is imported in a fifth of the time, and every report needs it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev

from scipy.special import stdtr, stdtrit

from ehrgen.metrics.table.scores import rounded

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds and the half-width of its interval; one seed has a mean but no interval.

    Example:
        >>> Estimate.of([1, 1, 1]), Estimate.of([5])
        (Estimate(mean=1.0, half_width=0.0, seeds=3), Estimate(mean=5.0, half_width=None, seeds=1))
    """

    mean: float
    half_width: float | None
    seeds: int
    pooled_freedom: int | None = field(default=None, repr=False)
    """Degrees of freedom, if the spread was estimated from more than these seeds (see `pooling`)."""

    @classmethod
    def of(cls, values: Sequence[float]) -> "Estimate":
        """The estimate from one value a seed.

        Raises:
            ValueError: If there is no value.
        """
        if not values:
            raise ValueError("no seed has a value; there is nothing to estimate")
        if len(values) == 1:
            return cls(float(values[0]), None, 1)
        half = t_quantile(len(values) - 1) * stdev(values) / math.sqrt(len(values))
        return cls(fmean(values), half, len(values))

    @classmethod
    def read(cls, content: Mapping[str, float]) -> "Estimate":
        """What `content` wrote."""
        freedom = content.get("degrees_of_freedom")
        return cls(
            content["mean"],
            content.get("half_width"),
            int(content["seeds"]),
            None if freedom is None else int(freedom),
        )

    def content(self) -> dict[str, float]:
        """What JSON holds: mean, seeds, and the interval where there is one."""
        parts: dict[str, float] = {"mean": self.mean, "seeds": self.seeds}
        if self.pooled_freedom is not None:
            parts["degrees_of_freedom"] = self.pooled_freedom
        if self.half_width is not None:
            low, high = self.mean - self.half_width, self.mean + self.half_width
            parts |= {"low": low, "high": high, "half_width": self.half_width}
        return {name: rounded(value) for name, value in parts.items()}

    @property
    def freedom(self) -> int:
        """Degrees of freedom of the spread."""
        return self.seeds - 1 if self.pooled_freedom is None else self.pooled_freedom

    @property
    def error(self) -> float | None:
        """Standard error of the mean; None without an interval."""
        return None if self.half_width is None else self.half_width / t_quantile(self.freedom)

    @property
    def p(self) -> float | None:
        """P(a mean at least this far from 0) if the truth is 0, two-sided; None without an interval.

        Example:
            >>> round(Estimate.of([1, 2, 3]).p, 4)
            0.0742
        """
        if self.error is None:
            return None
        if self.error == 0:
            return float(self.mean == 0)
        return 2 * float(stdtr(self.freedom, -abs(self.mean) / self.error))

    def lies_within(self, margin: float, level: float) -> bool:
        """Whether the interval of this level lies between -margin and +margin; never without an interval."""
        return self.error is not None and abs(self.mean) + self.error * t_quantile(self.freedom, level) <= margin

    def lies_below(self, margin: float, level: float, way: int = 1) -> bool:
        """Whether the upper end of the interval of this level lies at most at the margin; `way` -1 mirrors it at 0."""
        return self.error is not None and way * self.mean + self.error * t_quantile(self.freedom, level) <= margin


def paired_difference(values: Mapping[int, float], reference: Mapping[int, float]) -> Estimate | None:
    """Mean over the common seeds of value - reference; None without a common seed.

    Paired, because two runs of one seed share their data order and their demographics.

    Example:
        >>> paired_difference({0: 3, 1: 5}, {0: 1, 1: 3, 2: 9})
        Estimate(mean=2.0, half_width=0.0, seeds=2)
    """
    common = sorted(values.keys() & reference.keys())
    return Estimate.of([values[seed] - reference[seed] for seed in common]) if common else None


def t_quantile(freedom: int, level: float = LEVEL) -> float:
    """The t for which P(|T| <= t) = level, T having `freedom` degrees of freedom.

    Example:
        >>> round(t_quantile(1, 0.5), 6)  # one degree of freedom: Cauchy, half of it within -1 and 1
        1.0
    """
    return float(stdtrit(freedom, (1 + level) / 2))
