"""A sentence somebody wrote, turned into a number and a range: supported, refuted or undecided by the runs.

The interval over seeds decides: inside the range that the sentence needs, it is supported; outside of it,
refuted; across its edge, undecided. One seed has no interval and decides nothing.
"""

import math
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.findings.statistics.pooling import bounded
from ehrgen.findings.statistics.power import seeds_to_decide_range
from ehrgen.findings.statistics.results import NoEvidenceError, Results
from ehrgen.findings.verdicts.measures import Difference, Measure, estimate
from ehrgen.metrics.table.scores import rounded

MATERIAL = 0.1  # of a gap: what gives back less would need ten like it to explain the gap
SUPPORTED, REFUTED, UNDECIDED = "supported", "refuted", "undecided"


@dataclass(frozen=True)
class Between:
    """The values, ends included, under which a sentence holds; `why` says where the ends come from."""

    low: float
    high: float
    why: str

    def limits(self, measure: Measure, results: Results) -> tuple[float, float]:
        return self.low, self.high


@dataclass(frozen=True)
class Recovers:
    """A difference that closes at least `share` of the gap between the variant it starts from and real patients."""

    share: float = MATERIAL

    @property
    def why(self) -> str:
        return f"closes {self.share:.0%} of the gap to real patients"

    def limits(self, measure: Measure, results: Results) -> tuple[float, float]:
        step = self.share * _gap(measure, results)
        return (step, math.inf) if step > 0 else (-math.inf, step)


@dataclass(frozen=True)
class Harmless:
    """A difference that does not widen that gap by `share` of itself."""

    share: float = MATERIAL

    @property
    def why(self) -> str:
        return f"widens the gap to real patients by {self.share:.0%} at most"

    def limits(self, measure: Measure, results: Results) -> tuple[float, float]:
        step = self.share * _gap(measure, results)
        return (-step, math.inf) if step > 0 else (-math.inf, -step)


def at_least(low: float, why: str) -> Between:
    """The range from `low` up."""
    return Between(low, math.inf, why)


def at_most(high: float, why: str) -> Between:
    """The range up to `high`."""
    return Between(-math.inf, high, why)


Support = Between | Recovers | Harmless


@dataclass(frozen=True)
class Claim:
    """One sentence, and what would show it.

    Attributes:
        line: Where it stands in the analysis; 0 for an expectation of ours.
        quote: The sentence, shortened.
        measure: What it is measured by.
        support: The values of the measure under which it holds.
    """

    line: int
    quote: str
    measure: Measure
    support: Support


@dataclass(frozen=True)
class Judged:
    """A claim, the evidence and the verdict; without a value, the reason why there is none."""

    claim: Claim
    verdict: str
    effect: Estimate | None = None
    limits: tuple[float, float] | None = None
    reason: str = ""

    @property
    def seeds_to_decide(self) -> int | None:
        """About how many seeds would decide what is undecided; None if it is decided, or out of reach."""
        if self.verdict != UNDECIDED or self.limits is None or not (self.effect and self.effect.half_width):
            return None
        return seeds_to_decide_range(self.effect, self.limits)

    def content(self) -> dict[str, Any]:
        """Everything, as what JSON can hold: an open end of the range is absent."""
        content: dict[str, Any] = {
            "line": self.claim.line,
            "quote": self.claim.quote,
            "measure": str(self.claim.measure),
            "margin": self.claim.support.why,
            "verdict": self.verdict,
        }
        if self.effect:
            content |= {"mean": rounded(self.effect.mean), "seeds": self.effect.seeds}
            if self.effect.pooled_freedom is not None:
                content["degrees_of_freedom"] = self.effect.pooled_freedom
            if self.effect.half_width is not None:
                content["half_width"] = rounded(self.effect.half_width)
        for name, end in zip(("supported_from", "supported_to"), self.limits or (), strict=False):
            if math.isfinite(end):
                content[name] = rounded(end)
        if seeds := self.seeds_to_decide:
            content["seeds_to_decide"] = seeds
        return content | ({"reason": self.reason} if self.reason else {})


def judge(claim: Claim, results: Results) -> Judged:
    """The verdict on a claim, from these results alone."""
    try:
        effect = estimate(claim.measure, results)
        limits = claim.support.limits(claim.measure, results)
    except NoEvidenceError as error:
        return Judged(claim, UNDECIDED, reason=str(error))
    if effect.half_width is None:
        return Judged(claim, UNDECIDED, effect, limits, "one seed has no interval")
    return Judged(claim, verdict(effect, limits), effect, limits)


def verdict(effect: Estimate, limits: tuple[float, float]) -> str:
    """Where the interval of an effect lies.

    Example:
        >>> [verdict(Estimate(mean, 1.0, 3), (0.0, math.inf)) for mean in (2, 0, -2)]
        ['supported', 'undecided', 'refuted']

    Raises:
        ValueError: If the effect has no interval.
    """
    if effect.half_width is None:
        raise ValueError("one seed has no interval, and decides nothing")
    low, high = effect.mean - effect.half_width, effect.mean + effect.half_width
    if limits[0] <= low and high <= limits[1]:
        return SUPPORTED
    return REFUTED if high < limits[0] or low > limits[1] else UNDECIDED


def _gap(measure: Measure, results: Results) -> float:
    """Real patients minus the variant that a difference starts from."""
    if not isinstance(measure, Difference):
        raise TypeError(f"{measure}: only a difference between variants has a gap to close")
    key = (measure.against, measure.metric)
    start = fmean(bounded({key: results.metric(*key)})[key].values())
    if (gap := results.floor(measure.metric) - start) == 0:
        raise NoEvidenceError(f"{measure.metric}: {measure.against} is where real patients are; there is no gap")
    return gap
