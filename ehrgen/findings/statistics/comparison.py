"""Variants x metrics: mean and interval over seeds, paired differences, and in words what is missing.

Numbers only: `intervals` knows uncertainty, `remarks` the words for what has no number, `markdown` draws.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ehrgen.findings.statistics.caveats import Runs, blind, margins_missing, missing, not_judged, sizes
from ehrgen.findings.statistics.intervals import Estimate, paired_difference
from ehrgen.findings.statistics.significance import Mark, marks
from ehrgen.metrics.table.suite import HEADLINE, METRICS, VACUOUS, Scores, rounded

FLOOR, INDEPENDENT = "floor", "independent_codes"  # the two anchors between which skill runs from 1 to 0
SHOWN = tuple(name for name, metric in METRICS.items() if metric.headline or metric.beside in HEADLINE)
COMPARED = tuple(name for name in SHOWN if name != f"{METRICS[name].beside}_half_width")
"""What differences are judged of: the spread of a metric is no result."""


class ComparisonError(ValueError):
    """Results that cannot be compared at all; the message says what is missing and what to run."""


@dataclass(frozen=True)
class Comparison:
    """The findings of one ablation; metrics without a value are absent everywhere.

    Attributes:
        reference: The variant that differences are taken from.
        patients: Sizes of the samples compared; more than one is remarked on.
        estimates: Variant -> metric -> mean over seeds.
        differences: Variant -> metric -> paired difference from the reference.
        skill: Variant -> metric -> 0 as independent codes, 1 as real patients.
        marks: Variant -> metric of COMPARED -> what the difference is.
        anchors: Anchor -> metric -> value; `floor` is real patients against real patients.
        margins: Metric -> standard error of the floor over samples of patients; what lies within is no effect.
        vacuous: Variant or anchor -> rates that have no denominator anywhere.
        remarks: What is missing or not judged, and why; one sentence each.
    """

    reference: str
    patients: list[int]
    estimates: dict[str, dict[str, Estimate]]
    differences: dict[str, dict[str, Estimate]]
    skill: dict[str, dict[str, float]]
    marks: dict[str, dict[str, Mark]]
    anchors: dict[str, dict[str, float]]
    margins: dict[str, float]
    vacuous: dict[str, list[str]]
    remarks: list[str]

    def headline(self, variant: str) -> dict[str, float]:
        """Means of the headline metrics, rounded: what `dvc metrics show` prints."""
        found = self.estimates[variant]
        return {name: rounded(found[name].mean) for name in HEADLINE if name in found}

    def content(self) -> dict[str, Any]:
        """Everything, as what JSON can hold."""
        return {
            "reference": self.reference,
            "patients": self.patients,
            "variants": _written(self.estimates),
            "difference_from_reference": {
                variant: {name: found | self._mark(variant, name) for name, found in row.items()}
                for variant, row in _written(self.differences).items()
            },
            "skill": {variant: _rounded(values) for variant, values in self.skill.items()},
            "anchors": {anchor: _rounded(values) for anchor, values in self.anchors.items()},
            "margins": _rounded(self.margins),
            "vacuous": self.vacuous,
            "remarks": self.remarks,
        }

    def _mark(self, variant: str, name: str) -> dict[str, Any]:
        mark = self.marks[variant].get(name)
        return {"mark": mark.name, "p_holm": rounded(mark.p)} if mark else {}


def compare(
    runs: Runs,
    anchors: Mapping[str, Scores],
    margins: Mapping[str, float],
    variants: Sequence[str],
    seeds: Sequence[int],
    reference: str,
) -> Comparison:
    """The comparison of these variants over these seeds; runs that are absent become remarks.

    Raises:
        ComparisonError: If not one run is there.
    """
    runs = {variant: runs.get(variant, {}) for variant in variants}
    if not any(runs.values()):
        raise ComparisonError("no run of any variant has been evaluated; run `dvc repro` first")
    unfit = blind(anchors.get(FLOOR))
    judged = [name for name in METRICS if name not in unfit]
    values = {variant: by_metric(by_seed, judged) for variant, by_seed in runs.items()}
    estimates = {variant: _estimates(metrics) for variant, metrics in values.items()}
    shown = {
        anchor: {name: scores.metrics[name] for name in judged if name in scores.metrics}
        for anchor, scores in anchors.items()
    }
    everything = {variant: list(by_seed.values()) for variant, by_seed in runs.items()}
    everything |= {anchor: [scores] for anchor, scores in anchors.items()}
    others = {variant: metrics for variant, metrics in values.items() if variant != reference}
    differences = {variant: _differences(metrics, values.get(reference, {})) for variant, metrics in others.items()}
    return Comparison(
        reference=reference,
        patients=sorted({scores.patients for found in everything.values() for scores in found}),
        estimates=estimates,
        differences=differences,
        marks=_marks(differences, margins),
        skill={variant: skill(found, shown) for variant, found in estimates.items()},
        anchors=shown,
        margins={name: margins[name] for name in judged if name in margins},
        vacuous={owner: _vacuous(found) for owner, found in everything.items() if _vacuous(found)},
        remarks=[
            *missing(runs, seeds, reference),
            *sizes(runs, anchors),
            *margins_missing(anchors, margins),
            *unfit.values(),
            *not_judged(runs, anchors),
        ],
    )


def by_metric(runs: Mapping[int, Scores], names: Iterable[str]) -> dict[str, dict[int, float]]:
    """Metric -> seed -> value, for the metrics that any seed has."""
    found = {
        name: {seed: runs[seed].metrics[name] for seed in sorted(runs) if name in runs[seed].metrics} for name in names
    }
    return {name: values for name, values in found.items() if values}


def skill(estimates: Mapping[str, Estimate], anchors: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """1 - gap to the floor / gap of independent codes to the floor, per metric.

    That is (score - independent) / (floor - independent), and where a metric has to be matched, the same on
    both sides of the floor. Absent where independent codes are no worse than the floor.
    """
    floor, independent = anchors.get(FLOOR, {}), anchors.get(INDEPENDENT, {})
    found = {}
    for name in sorted(estimates.keys() & floor.keys() & independent.keys()):
        width = METRICS[name].gap(independent[name], floor[name])
        if width > 0:
            found[name] = 1 - METRICS[name].gap(estimates[name].mean, floor[name]) / width
    return found


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


def _estimates(metrics: Mapping[str, Mapping[int, float]]) -> dict[str, Estimate]:
    return {name: Estimate.of(list(found.values())) for name, found in metrics.items()}


def _differences(
    values: Mapping[str, Mapping[int, float]], reference: Mapping[str, Mapping[int, float]]
) -> dict[str, Estimate]:
    found = {name: paired_difference(values[name], reference[name]) for name in values if name in reference}
    return {name: estimate for name, estimate in found.items() if estimate is not None}


def _marks(
    differences: Mapping[str, Mapping[str, Estimate]], margins: Mapping[str, float]
) -> dict[str, dict[str, Mark]]:
    """One correction for all variants and metrics: they are looked at together."""
    looked_at = {(variant, name): row[name] for variant, row in differences.items() for name in COMPARED if name in row}
    found = marks(looked_at, {key: margins[key[1]] for key in looked_at if key[1] in margins})
    return {variant: {name: mark for (one, name), mark in found.items() if one == variant} for variant in differences}


def _vacuous(found: Sequence[Scores]) -> list[str]:
    """Rates that are vacuous in all of these."""
    of_each = [{name for name, reason in scores.not_judged.items() if reason.startswith(VACUOUS)} for scores in found]
    return sorted(set.intersection(*of_each)) if of_each else []


def _written(table: Mapping[str, Mapping[str, Estimate]]) -> dict[str, dict[str, dict[str, float]]]:
    return {variant: {name: _parts(found) for name, found in row.items()} for variant, row in table.items()}


def _parts(estimate: Estimate) -> dict[str, float]:
    parts: dict[str, float] = {"mean": estimate.mean, "seeds": estimate.seeds}
    if estimate.half_width is not None:
        low, high = estimate.mean - estimate.half_width, estimate.mean + estimate.half_width
        parts |= {"low": low, "high": high, "half_width": estimate.half_width}
    return _rounded(parts)


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: rounded(value) for name, value in values.items()}
