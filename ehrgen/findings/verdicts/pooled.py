"""One verdict a sentence, over all committed runs that speak of it.

If one run supports a sentence and another refutes it, it *depends on the run*, which is a finding too. Else cohorts are
pooled. Runs on one cohort share trainings, so of each cohort the run with most seeds speaks. If each alone says the
same, that is the verdict; where some are undecided, the random-effects mean over cohorts decides, with its 95 %
interval. A rate without a denominator in every run *cannot be tested*. Where the range of a sentence is a share of a
gap, which differs from cohort to cohort, effects are counted in units of that share.

Source:
    DerSimonian and Laird (1986), Meta-analysis in clinical trials, https://doi.org/10.1016/0197-2456(86)90046-2.
    Higgins and Thompson (2002), Quantifying heterogeneity in a meta-analysis, https://doi.org/10.1002/sim.1186.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ehrgen.findings.statistics.intervals import Estimate, t_quantile
from ehrgen.findings.verdicts.claims import REFUTED, SUPPORTED, UNDECIDED, Between, Claim, verdict
from ehrgen.metrics.table.suite import VACUOUS

DEPENDS, UNTESTABLE = "depends on the run", "cannot be tested"
DECIDED = (SUPPORTED, REFUTED, DEPENDS, UNTESTABLE)
LEAST_ERROR = 1e-6  # of the mean: what all seeds agree on to the last digit is known that well


@dataclass(frozen=True)
class Evidence:
    """What a run says of a sentence.

    Attributes:
        run, cohort: Which run, and the patients it was on.
        effect: Over its seeds, in units of the range where that is a share of a gap.
        limits: The values under which the sentence holds, in the same units.
    """

    run: str
    cohort: str
    effect: Estimate
    limits: tuple[float, float]

    @property
    def verdict(self) -> str:
        """What it alone says."""
        return UNDECIDED if self.effect.half_width is None else verdict(self.effect, self.limits)


@dataclass(frozen=True)
class Pooled:
    """A sentence and the verdict over cohorts.

    Attributes:
        evidence: What each run says that says anything; of each cohort the run that speaks comes first.
        effect: Random-effects mean over cohorts; None with fewer than two that have an interval.
        heterogeneity: Share of the variance between cohorts that is no chance of seeds, 0 to 1 (I squared).
        reason: Why there is no evidence.
    """

    claim: Claim
    verdict: str
    evidence: tuple[Evidence, ...] = ()
    effect: Estimate | None = None
    heterogeneity: float | None = None
    reason: str = ""


def pooled(claim: Claim, written: Mapping[str, Mapping[str, Any]], cohort_of: Mapping[str, str]) -> Pooled:
    """The verdict over these runs.

    Args:
        written: Run -> what its findings.json says of this claim.
        cohort_of: Run -> name of its cohort.
    """
    spoken = [evidence(claim, run, cohort_of[run], entry) for run, entry in written.items() if "mean" in entry]
    best: dict[str, Evidence] = {}
    for one in spoken:
        if one.cohort not in best or one.effect.seeds > best[one.cohort].effect.seeds:
            best[one.cohort] = one
    if not best:
        reasons = [entry.get("reason", "") for entry in written.values()]
        tried = [reason for reason in reasons if not reason.startswith("not run")]
        vacuous = bool(tried) and all(f": {VACUOUS}" in reason for reason in tried)
        return Pooled(claim, UNTESTABLE if vacuous else UNDECIDED, reason=(tried or reasons)[0])
    chosen = tuple(best.values())
    everybody = (*chosen, *(one for one in spoken if one not in chosen))
    effect, share = combined([one.effect for one in chosen])
    return Pooled(claim, _over(chosen, everybody, effect), everybody, effect, share)


def _over(chosen: Sequence[Evidence], everybody: Sequence[Evidence], effect: Estimate | None) -> str:
    if {SUPPORTED, REFUTED} <= {one.verdict for one in everybody}:
        return DEPENDS
    alone = {one.verdict for one in chosen}
    if len(alone) == 1 and UNDECIDED not in alone:
        return alone.pop()
    return verdict(effect, chosen[0].limits) if effect else UNDECIDED


def evidence(claim: Claim, run: str, cohort: str, entry: Mapping[str, Any]) -> Evidence:
    """What a run's findings.json says of a claim, in units of the range where that depends on the cohort."""
    freedom = entry.get("degrees_of_freedom")
    effect = Estimate(entry["mean"], entry.get("half_width"), entry["seeds"], freedom)
    limits = entry.get("supported_from", -math.inf), entry.get("supported_to", math.inf)
    if isinstance(claim.support, Between):
        return Evidence(run, cohort, effect, limits)
    edge, way = (limits[0], 1) if math.isinf(limits[1]) else (limits[1], -1)
    half = None if effect.half_width is None else effect.half_width / abs(edge)
    scaled = Estimate(way * effect.mean / abs(edge), half, effect.seeds, freedom)
    return Evidence(run, cohort, scaled, (math.copysign(1, way * edge), math.inf))


def combined(effects: Sequence[Estimate]) -> tuple[Estimate | None, float | None]:
    """Random-effects mean of those that have an interval, and I squared; (None, None) if fewer than two have.

    The variance between cohorts is DerSimonian and Laird's. The interval is of Student's t, its degrees of freedom by
    Satterthwaite's formula for the weighted mean of what each cohort adds.

    Example:
        >>> mean, share = combined([Estimate(1.0, 0.5, 5), Estimate(1.2, 0.5, 5)])
        >>> round(mean.mean, 3), share
        (1.1, 0.0)
    """
    known = [(one, one.error) for one in effects if one.error is not None]
    if len(known) < 2:
        return None, None
    means = [one.mean for one, _ in known]
    variances = [max(error, LEAST_ERROR * abs(one.mean), 1e-12) ** 2 for one, error in known]
    fixed = [1 / variance for variance in variances]
    centre = sum(w * mean for w, mean in zip(fixed, means, strict=True)) / sum(fixed)
    q = sum(w * (mean - centre) ** 2 for w, mean in zip(fixed, means, strict=True))
    excess = q - (len(known) - 1)
    between = max(0.0, excess / (sum(fixed) - sum(w * w for w in fixed) / sum(fixed)))
    weights = [1 / (variance + between) for variance in variances]
    total = sum(weights)
    parts = [(w / total) ** 2 * (variance + between) for w, variance in zip(weights, variances, strict=True)]
    squares = sum(part**2 / one.freedom for part, (one, _) in zip(parts, known, strict=True))
    freedom = max(1, math.floor(sum(parts) ** 2 / squares))
    mean = sum(w * value for w, value in zip(weights, means, strict=True)) / total
    seeds = sum(one.seeds for one, _ in known)
    return Estimate(mean, t_quantile(freedom) / math.sqrt(total), seeds, freedom), max(
        0.0, excess / q
    ) if q > 0 else 0.0
