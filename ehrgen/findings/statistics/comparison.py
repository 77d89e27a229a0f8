"""Variants x metrics: mean and interval over seeds, paired differences, and in words what is missing.

All of it is computed on one long table, (variant, metric) -> seed -> value, and regrouped by variant at the end.
Numbers only: `intervals` knows uncertainty, `caveats` the words for what has no number, `text` writes.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ehrgen.findings.statistics import pooling
from ehrgen.findings.statistics.caveats import Runs, blind, missing, not_judged, resolution_missing, sizes
from ehrgen.findings.statistics.harm import harm_ways
from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.findings.statistics.margins import INDEPENDENT, equivalence_margins
from ehrgen.findings.statistics.results import FLOOR, long_table
from ehrgen.findings.statistics.sampling_noise import Noise, sampling_noise
from ehrgen.findings.statistics.significance import Key, Significance, significance
from ehrgen.metrics.table.scores import Scores, rounded
from ehrgen.metrics.table.suite import HEADLINE, METRICS, VACUOUS

SHOWN = tuple(name for name, metric in METRICS.items() if metric.headline or metric.beside in HEADLINE)
COMPARED = tuple(
    name for name, metric in METRICS.items() if not name.endswith("_half_width") and metric.unit != "p-value"
)
"""What differences are judged of: the spread of a metric is no result, nor is a p value."""
Content = TypeVar("Content")
Endpoints = Mapping[str, Mapping[str, Sequence[str]]]  # variant -> metric -> why it is a primary endpoint


class ComparisonError(ValueError):
    """Results that cannot be compared at all; the message says what is missing and what to run."""


@dataclass(frozen=True)
class Ablation:
    """The findings of one ablation; metrics without a value are absent everywhere.

    Attributes:
        reference: The variant that differences are taken from.
        patients: Sizes of the samples compared; more than one is remarked on.
        estimates: Variant -> metric -> mean over seeds.
        differences: Variant -> metric -> paired difference from the reference.
        skill: Variant -> metric -> 0 as independent codes, 1 as real patients.
        significance: Variant -> metric of COMPARED -> what the difference is.
        endpoints: Variant -> metric -> why it is a primary endpoint of that comparison.
        anchors: Anchor -> metric -> value; `floor` is real patients against real patients.
        margins: Metric -> equivalence margin.
        resolution: Metric -> standard error of the floor over samples of patients.
        noise: Metric -> how much of the chance in it is that of drawing patients from a model.
        vacuous: Variant or anchor -> rates that have no denominator anywhere.
        remarks: What is missing or not judged, and why; one sentence each.
    """

    reference: str
    patients: list[int]
    estimates: dict[str, dict[str, Estimate]]
    differences: dict[str, dict[str, Estimate]]
    skill: dict[str, dict[str, float]]
    significance: dict[str, dict[str, Significance]]
    endpoints: Endpoints
    anchors: dict[str, dict[str, float]]
    margins: dict[str, float]
    resolution: dict[str, float]
    noise: dict[str, Noise]
    vacuous: dict[str, list[str]]
    remarks: list[str]

    def headline(self, variant: str) -> dict[str, float]:
        """Means of the headline metrics, rounded: what `dvc metrics show` prints."""
        estimates = self.estimates[variant]
        return {name: rounded(estimates[name].mean) for name in HEADLINE if name in estimates}

    def content(self) -> dict[str, Any]:
        """Everything, as what JSON can hold."""
        return {
            "reference": self.reference,
            "patients": self.patients,
            "variants": _written(self.estimates),
            "difference_from_reference": {
                variant: {metric: parts | self._outcome(variant, metric) for metric, parts in row.items()}
                for variant, row in _written(self.differences).items()
            },
            "skill": {variant: _rounded(values) for variant, values in self.skill.items()},
            "anchors": {anchor: _rounded(values) for anchor, values in self.anchors.items()},
            "endpoints": {
                variant: {name: list(why) for name, why in row.items()} for variant, row in self.endpoints.items()
            },
            "equivalence_margins": _rounded(self.margins),
            "resolution": _rounded(self.resolution),
            "noise": {metric: one.content() for metric, one in self.noise.items()},
            "vacuous": self.vacuous,
            "remarks": self.remarks,
        }

    def _outcome(self, variant: str, metric: str) -> dict[str, Any]:
        judged = self.significance[variant].get(metric)
        if judged is None:
            return {}
        outcome = {"outcome": judged.outcome, "family": judged.family, "p_corrected": rounded(judged.p)}
        reasons = self.endpoints.get(variant, {}).get(metric)
        return (
            outcome
            | ({"endpoint_of": list(reasons)} if reasons else {})
            | ({"seeds_to_decide": judged.seeds} if judged.seeds else {})
        )


def compare(
    runs: Runs,
    anchors: Mapping[str, Scores],
    resolution: Mapping[str, float],
    endpoints: Endpoints,
    variants: Sequence[str],
    seeds: Sequence[int],
    reference: str,
    alike: Collection[str] = (),
    harmed: Mapping[str, Mapping[str, bool]] | None = None,
) -> Ablation:
    """The comparison of these variants over these seeds; runs that are absent become remarks.

    Args:
        resolution: Metric -> standard error of the floor.
        endpoints: Variant -> metric -> why it is a primary endpoint; what is not listed is exploratory.
        alike: Variants that differ from the reference in their loss alone: they share one estimate of the chance.
        harmed: Variant -> metric that may be harmed -> whether the reference would show it, or else the variant.

    Raises:
        ComparisonError: If not one run is there.
    """
    runs = {variant: runs.get(variant, {}) for variant in variants}
    if not any(runs.values()):
        raise ComparisonError("no run of any variant has been evaluated; run `dvc repro` first")
    unfit = blind(anchors.get(FLOOR))
    values = long_table(runs, [name for name in METRICS if name not in unfit])
    estimates, differences = means(values, variants), pooling.differences(pooling.bounded(values), reference, alike)
    anchor_values = {anchor: _without(unfit, scores.metrics) for anchor, scores in anchors.items()}
    margins = equivalence_margins(anchor_values, {name: one.mean for name, one in estimates.get(reference, {}).items()})
    judged = judged_of(differences, margins, endpoints, harm_ways(harmed or {}, estimates, anchor_values, reference))
    scores_of = {variant: list(by_seed.values()) for variant, by_seed in runs.items()}
    scores_of |= {anchor: [scores] for anchor, scores in anchors.items()}
    others = [variant for variant in variants if variant != reference]
    of_sizes = [*missing(runs, seeds, reference), *sizes(runs, anchors), *resolution_missing(anchors, resolution)]
    return Ablation(
        reference=reference,
        patients=sorted({scores.patients for of_owner in scores_of.values() for scores in of_owner}),
        estimates=estimates,
        differences=regrouped(differences, others),
        significance=regrouped(judged, others),
        endpoints=endpoints,
        skill={variant: skill(estimates[variant], anchor_values) for variant in variants},
        anchors=anchor_values,
        margins=margins,
        resolution=_without(unfit, resolution),
        noise={name: one for name, one in sampling_noise(runs, reference, alike).items() if name not in unfit},
        vacuous={owner: names for owner, of_owner in scores_of.items() if (names := vacuous_everywhere(of_owner))},
        remarks=[*of_sizes, *unfit.values(), *not_judged(runs, anchors)],
    )


def judged_of(
    differences: Mapping[Key, Estimate], margins: Mapping[str, float], endpoints: Endpoints, ways: Mapping[Key, int]
) -> dict[Key, Significance]:
    """What each difference is that can be compared, endpoints and the others each in their family."""
    return significance(
        {key: difference for key, difference in differences.items() if key[1] in COMPARED},
        {key: margins[key[1]] for key in differences if key[1] in margins},
        {(variant, metric) for variant, row in endpoints.items() for metric in row},
        ways,
    )


def means(values: Mapping[Key, Mapping[int, float]], variants: Collection[str]) -> dict[str, dict[str, Estimate]]:
    """Variant -> metric -> mean over seeds."""
    return regrouped({key: Estimate.of(list(by_seed.values())) for key, by_seed in values.items()}, variants)


def regrouped(table: Mapping[Key, Content], variants: Collection[str]) -> dict[str, dict[str, Content]]:
    """Variant -> metric -> cell of the table; empty for a variant that has none.

    Example:
        >>> regrouped({("a", "x"): 1, ("b", "x"): 2, ("a", "y"): 3}, ["a", "b", "c"])
        {'a': {'x': 1, 'y': 3}, 'b': {'x': 2}, 'c': {}}
    """
    by_variant: dict[str, dict[str, Content]] = {variant: {} for variant in variants}
    for (variant, metric), content in table.items():
        by_variant[variant][metric] = content
    return by_variant


def skill(estimates: Mapping[str, Estimate], anchors: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """1 - gap to the floor / gap of independent codes to the floor, per metric.

    That is (score - independent) / (floor - independent), and where a metric has to be matched, the same on
    both sides of the floor. Absent where independent codes are no worse than the floor.
    """
    floor, independent = anchors.get(FLOOR, {}), anchors.get(INDEPENDENT, {})
    skills = {}
    for name in sorted(estimates.keys() & floor.keys() & independent.keys()):
        width = METRICS[name].gap(independent[name], floor[name])
        if width > 0:
            skills[name] = 1 - METRICS[name].gap(estimates[name].mean, floor[name]) / width
    return skills


def changes(effective: Mapping[str, Mapping[str, Mapping[str, Any]]], reference: str) -> dict[str, dict[str, Any]]:
    """Variant -> `section.key` -> value, where its configuration differs from the reference's.

    Example:
        >>> changes({"a": {"loss": {"lm": 1, "age": 2}}, "b": {"loss": {"lm": 1, "age": 0}}}, "a")
        {'b': {'loss.age': 0}}
    """
    base = effective.get(reference, {})
    return {
        variant: {
            f"{part}.{key}": value
            for part, settings in sections.items()
            for key, value in settings.items()
            if base.get(part, {}).get(key) != value
        }
        for variant, sections in effective.items()
        if variant != reference
    }


def loss_alone(changed: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The variants that differ from the reference in their loss alone, given what `changes` says.

    Example:
        >>> loss_alone({"a": {"loss.age": 0}, "b": {"loss.age": 0, "model.layers": 1}, "same": {}})
        ['a', 'same']
    """
    return [variant for variant, listed in changed.items() if all(name.startswith("loss.") for name in listed)]


def vacuous_everywhere(scores: Sequence[Scores]) -> list[str]:
    """Rates that are vacuous in all of these."""
    of_each = [
        {name for name, reason in of_seed.not_judged.items() if reason.startswith(VACUOUS)} for of_seed in scores
    ]
    return sorted(set.intersection(*of_each)) if of_each else []


def _without(unfit: Collection[str], values: Mapping[str, float]) -> dict[str, float]:
    return {name: values[name] for name in METRICS if name in values and name not in unfit}


def _written(table: Mapping[str, Mapping[str, Estimate]]) -> dict[str, dict[str, dict[str, float]]]:
    return {variant: {name: estimate.content() for name, estimate in row.items()} for variant, row in table.items()}


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: rounded(value) for name, value in values.items()}
