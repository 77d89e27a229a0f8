"""What a claim is measured by: one value a seed, or `NoEvidenceError` with the reason, fit to be printed."""

from dataclasses import dataclass

from ehrgen.findings.statistics.costs import cpu_ratio
from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.findings.statistics.pooling import bounded
from ehrgen.findings.statistics.results import NoEvidenceError, Results
from ehrgen.findings.verdicts.history_quantities import QUANTITIES


@dataclass(frozen=True)
class Level:
    """A metric of one variant."""

    metric: str
    variant: str

    def __str__(self) -> str:
        return f"{self.metric} of {self.variant}"

    def values(self, results: Results) -> dict[int, float]:
        return results.metric(self.variant, self.metric)


@dataclass(frozen=True)
class Difference:
    """A metric of one variant minus that of another, seed by seed: what the change does. An R2 below 0 counts as 0."""

    metric: str
    variant: str
    against: str

    def __str__(self) -> str:
        return f"{self.metric}: {self.variant} - {self.against}"

    def values(self, results: Results) -> dict[int, float]:
        results.need(self.variant, self.against)
        rows = bounded(
            {(name, self.metric): results.metric(name, self.metric) for name in (self.variant, self.against)}
        )
        ours, theirs = rows[self.variant, self.metric], rows[self.against, self.metric]
        if not (common := ours.keys() & theirs.keys()):
            raise NoEvidenceError(f"{self.metric}: no seed in which both variants have a value")
        return {seed: ours[seed] - theirs[seed] for seed in sorted(common)}


@dataclass(frozen=True)
class FromHistory:
    """A quantity of the training's history, from `QUANTITIES`."""

    quantity: str
    objective: str
    variant: str

    def __str__(self) -> str:
        return f"{self.quantity} of {self.objective} in {self.variant}"

    def values(self, results: Results) -> dict[int, float]:
        results.need(self.variant)
        values = {}
        for seed, traces in results.traces.get(self.variant, {}).items():
            if self.objective not in traces:
                raise NoEvidenceError(f"{self.variant} trains without {self.objective}")
            value = QUANTITIES[self.quantity](traces, self.objective)
            if value is not None:
                values[seed] = value
        if not values:
            raise NoEvidenceError(f"not measured: {self}")
        return values


@dataclass(frozen=True)
class HeadParameters:
    """Share of a variant's parameters that belongs to the age and the sex head."""

    variant: str

    def __str__(self) -> str:
        return f"parameters of both heads / all, {self.variant}"

    def values(self, results: Results) -> dict[int, float]:
        results.need(self.variant)
        manifests = results.manifests.get(self.variant, {})
        counts = {seed: manifest["parameters"] for seed, manifest in manifests.items()}
        if not counts:
            raise NoEvidenceError(f"no manifest of {self.variant}")
        return {seed: (count["age_head"] + count["sex_head"]) / count["all"] for seed, count in counts.items()}


@dataclass(frozen=True)
class ExtraTime:
    """CPU time of one variant's training over that of another, minus 1, seed by seed."""

    variant: str
    against: str

    def __str__(self) -> str:
        return f"CPU time of training: {self.variant} / {self.against} - 1"

    def values(self, results: Results) -> dict[int, float]:
        results.need(self.variant, self.against)
        ours, theirs = (results.manifests.get(name, {}) for name in (self.variant, self.against))
        if not (common := ours.keys() & theirs.keys()):
            raise NoEvidenceError(f"{self}: no seed that both variants have")
        ratios = {seed: cpu_ratio(ours[seed], theirs[seed]) for seed in sorted(common)}
        extra = {seed: ratio - 1 for seed, ratio in ratios.items() if ratio is not None}
        if not extra:
            raise NoEvidenceError(f"{self}: no manifest says it; wall time would tell of other work on the machine")
        return extra


Measure = Level | Difference | FromHistory | HeadParameters | ExtraTime


def estimate(measure: Measure, results: Results) -> Estimate:
    """Mean over seeds of a measure, with its interval: of a difference from the reference, that of the ablation.

    Raises:
        NoEvidenceError: If no seed has a value.
    """
    values = measure.values(results)
    if isinstance(measure, Difference) and measure.against == results.reference:
        return results.differences[measure.variant, measure.metric]
    return Estimate.of(list(values.values()))
