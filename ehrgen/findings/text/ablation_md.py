"""reports/ablation.md: metrics and differences a table a family, then verdicts, what each loss weighs, and cost."""

from collections.abc import Iterable, Mapping
from typing import Any

from ehrgen.findings.statistics.comparison import SHOWN, Ablation
from ehrgen.findings.statistics.costs import TrainingCost
from ehrgen.findings.statistics.history import FINAL_COLUMNS
from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.findings.statistics.margins import INDEPENDENT, OF_GAP, OF_VALUE, RATE
from ehrgen.findings.statistics.power import POWER
from ehrgen.findings.statistics.results import FLOOR
from ehrgen.findings.statistics.sampling_noise import MOSTLY
from ehrgen.findings.statistics.significance import EXPLORATORY, PRIMARY, UNDECIDED, Significance
from ehrgen.findings.text.summary import summary
from ehrgen.findings.text.tables import ARROWS, NOTHING, about, bracketed, cell, percent, sign, table
from ehrgen.findings.verdicts.losses import Verdicts, shared_by
from ehrgen.metrics.table.suite import FAMILIES, HEADLINE, METRICS, VACUOUS

LEGEND = f"""\
Mean over training seeds, of each the mean over its samples, ± half-width of the 95 % t interval over seeds. ↑ higher is
better, ↓ lower is better, = as in real patients is best. *floor* is held-out real patients against other held-out real
patients, in brackets its standard error over samples of patients, the resolution of the instrument; the rows below it
are reference generators. {NOTHING} is not judged, see the end; a rate is {VACUOUS} where no code carries a rule. All
metrics are in reports/ablation.json."""
PRIMARY_WORDS = f"""\
What each variant is judged by, declared with the objectives it changes and for every run alike
(ehrgen/learning/endpoints.py): what an objective moves, and what it may harm. Paired by seed, ± half-width of the 95 %
t interval over training seeds, its spread estimated from all variants that differ in the loss alone, or else from the
two compared; p is Holm-corrected over the endpoints of the variant. An R2 below 0 counts as 0. *differs*: p of at most
5 %. *equivalent*: the 90 % interval lies within the equivalence *margin*, {percent(OF_GAP)} of the gap between
independent codes and real patients and at least {percent(OF_VALUE)} of what real patients have; of rates,
{percent(RATE)} of the patients. *slight*: both. *no harm*: of an endpoint that may be harmed, the one-sided 95 %
interval excludes harm beyond the margin, in whichever variant has more of the objective. Of the undecided it is said
how many seeds would decide with a power of {percent(POWER)}, were mean and spread as they are."""
DIFFERENCES = """\
° differs among the exploratory: of all so marked, 5 % are expected to be chance (false discovery rate over the
differences of all variants in all metrics that are no endpoint of theirs). A lead, to be tested with new seeds. * and ≈
are the primary ones above, differing and within the margin; ≈ is of each by itself, not corrected."""
NOISE = f"""\
Standard deviation of a value over the samples of one model, and over the trainings of a variant beyond what its samples
add. *share*: of the variance of a difference, how much is sampling; above {percent(MOSTLY)} the interval is narrowed by
more samples of each model (`sampling.samples`) rather than by more seeds, and the metric is marked †."""
SKILL = """\
0 is independent codes, 1 is real patients: (score - independent) / (floor - independent), counted on both
sides of the floor where = is best. Where the two anchors nearly agree the metric tells little apart, and its
skill is large either way."""
OBJECTIVES = """\
Last epoch, mean over seeds: *share* is of the weighted loss; *grad_norm* is the norm of the objective's own
gradient on the shared parameters, *grad_share* its share once weighted. At 0 it teaches the model nothing."""

VERDICTS = """\
Why each loss moved the model or not; seeds that disagree are counted. Evidence and claims: reports/findings.md."""
COSTS = """\
Wall time of the trainings, on a machine that may have done other work beside them; the ratio to the reference is of
CPU time, paired by seed."""

Objectives = Mapping[str, Mapping[str, Mapping[str, float]]]


def report(
    ablation: Ablation,
    objectives: Objectives,
    changed: Mapping[str, Mapping[str, Any]],
    verdicts: Verdicts,
    costs: Mapping[str, TrainingCost],
) -> str:
    """The whole of reports/ablation.md."""
    sizes = " or ".join(f"{n:,}" for n in ablation.patients)
    parts = [
        "# Ablation",
        f"Each number compares {sizes} synthetic patients with as many held-out real ones.",
        summary(ablation),
        _variants(ablation, changed),
        "## Metrics",
        LEGEND,
        *_metrics(ablation),
        f"## Differences from {ablation.reference}",
        *_primary(ablation),
        *_differences(ablation),
        *_noise(ablation),
        "## Skill",
        SKILL,
        _skill(ablation),
        "## Verdicts",
        VERDICTS,
        _verdicts(verdicts),
        "## Objectives",
        OBJECTIVES,
        _objectives(objectives),
        "## Cost",
        COSTS,
        _costs(costs),
        "## Not judged, and why",
        "\n".join(f"- {remark}" for remark in ablation.remarks) or "Everything was judged.",
    ]
    return "\n\n".join(parts) + "\n"


def _title(name: str) -> str:
    return f"{name} {ARROWS[METRICS[name].better]}"


def _shown(ablation: Ablation) -> list[str]:
    """The headline metrics, and what any variant of this ablation is judged by."""
    endpoints = {name for reasons in ablation.endpoints.values() for name in reasons}
    return [name for name in METRICS if name in SHOWN or name in endpoints]


def _of_family(family: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if METRICS[name].family == family]


def _variants(ablation: Ablation, changed: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [f"- **{ablation.reference}**: the reference; the others differ from it in what is listed"]
    for variant in ablation.differences:
        listed = ", ".join(f"{key} {value}" for key, value in changed.get(variant, {}).items())
        lines.append(f"- **{variant}**: {listed or 'the same configuration'}")
    return "\n".join(lines)


def _metrics(ablation: Ablation) -> list[str]:
    others = sorted(ablation.anchors, key=lambda anchor: anchor != FLOOR)
    rows: dict[str, dict[str, str]] = {
        variant: {name: cell(estimate) for name, estimate in values.items()}
        for variant, values in ablation.estimates.items()
    }
    rows |= {
        f"*{anchor}*": {name: f"{value:.4g}" for name, value in ablation.anchors[anchor].items()} for anchor in others
    }
    floor = ablation.anchors.get(FLOOR, {})
    rows.get(f"*{FLOOR}*", {}).update(
        {name: bracketed(floor[name], error) for name, error in ablation.resolution.items() if name in floor}
    )
    for owner, names in ablation.vacuous.items():
        rows[owner if owner in rows else f"*{owner}*"].update(dict.fromkeys(names, VACUOUS))
    parts = []
    for family in FAMILIES:
        if not (names := _of_family(family, _shown(ablation))):
            continue
        cells = [[owner, *(values.get(name, NOTHING) for name in names)] for owner, values in rows.items()]
        parts += [f"### {family.capitalize()}", table(["", *map(_title, names)], cells)]
    return parts


def _primary(ablation: Ablation) -> list[str]:
    """A table a variant: its endpoints, why they are, and what came out."""
    parts = []
    for variant, row in ablation.significance.items():
        rows = [
            [
                f"{_title(name)}{_dagger(ablation, name)}",
                ", ".join(ablation.endpoints[variant][name]),
                cell(ablation.differences[variant][name], signed=True),
                _margin(ablation.margins.get(name)).strip(),
                f"{judged.p:.2g}",
                f"{judged.outcome}: {about(judged.seeds)}" if judged.outcome == UNDECIDED else judged.outcome,
            ]
            for name, judged in row.items()
            if judged.family == PRIMARY
        ]
        if rows:
            header = ["endpoint", "which", "difference", "margin", "p", "outcome"]
            parts += [f"**{variant}**", table(header, rows)]
    return ["### Primary endpoints", PRIMARY_WORDS, *parts] if parts else []


def _differences(ablation: Ablation) -> list[str]:
    if not any(ablation.differences.values()):
        return ["Nothing to compare: there is one variant, or the reference has no result."]
    parts = ["Paired by seed. No intervals: they need two seeds that both variants have."]
    if any(ablation.significance.values()):
        parts = ["### All differences", DIFFERENCES, _counted(ablation)]
    compared = [name for name in _shown(ablation) if not name.endswith("_half_width")]
    for family in FAMILIES:
        if names := _of_family(family, compared):
            rows = [
                [variant, *(_signed(values.get(name), ablation.significance[variant].get(name)) for name in names)]
                for variant, values in ablation.differences.items()
            ]
            margins = [_margin(ablation.margins.get(name)) for name in names]
            parts.append(table(["", *map(_title, names)], [*rows, ["*margin*", *margins]]))
    return parts


def _noise(ablation: Ablation) -> list[str]:
    rows = [
        [
            f"{_title(name)}{_dagger(ablation, name)}",
            *(f"{value:.2g}" for value in (noise.over_samples, noise.over_seeds)),
            percent(noise.share),
        ]
        for name, noise in ablation.noise.items()
        if name in _shown(ablation)
    ]
    return ["### Samples and seeds", NOISE, table(["metric", "samples", "seeds", "share"], rows)] if rows else []


def _dagger(ablation: Ablation, name: str) -> str:
    noise = ablation.noise.get(name)
    return " †" if noise and noise.mostly_sampling else ""


def _margin(margin: float | None) -> str:
    """A metric in which real patients have nothing leaves no room for anything but no difference at all."""
    return f"± {margin:.2g}  " if margin else f"{NOTHING}  "


def _counted(ablation: Ablation) -> str:
    """How many exploratory differences there are, and how many are marked."""
    judged = [one for row in ablation.significance.values() for one in row.values() if one.family == EXPLORATORY]
    return f"Of {len(judged)} exploratory differences, in all metrics, {sum(one.differs for one in judged)} differ (°)."


def _signed(difference: Estimate | None, judged: Significance | None) -> str:
    if difference is None:
        return NOTHING
    return f"{cell(difference, signed=True)} {sign(judged.outcome, judged.family) if judged else '':2}"


def _skill(ablation: Ablation) -> str:
    names = [name for name in HEADLINE if any(name in values for values in ablation.skill.values())]
    if not names:
        return f"Needs the anchors {FLOOR} and {INDEPENDENT}."
    rows = [
        [
            _title(name),
            *(f"{values[name]:z.2f}" if name in values else NOTHING for values in ablation.skill.values()),
        ]
        for name in names
    ]
    return table(["", *ablation.skill], rows)


def _objectives(objectives: Objectives) -> str:
    rows = [(variant, name, row) for variant, part in objectives.items() for name, row in part.items()]
    present = [column for column in FINAL_COLUMNS if any(column in row for _, _, row in rows)]
    if not present:
        return "No history of training was found."
    cells = [
        [f"{variant} {name}", *(f"{row[column]:.4g}" if column in row else NOTHING for column in present)]
        for variant, name, row in rows
    ]
    return table(["variant and objective", *present], cells)


def _verdicts(verdicts: Verdicts) -> str:
    objectives = dict.fromkeys(name for of_variant in verdicts.values() for name in of_variant)
    if not objectives:
        return "No history of training was found."
    rows = [
        [
            variant,
            *(
                f"{verdict.name}{shared_by(verdict.name, verdict.votes)}"
                if (verdict := of_variant.get(name))
                else NOTHING
                for name in objectives
            ),
        ]
        for variant, of_variant in verdicts.items()
    ]
    return table(["", *objectives], rows)


def _costs(costs: Mapping[str, TrainingCost]) -> str:
    if not costs:
        return "No manifest of a training was found."
    rows = [
        [variant, *(cell(value) if value else NOTHING for value in (cost.seconds, cost.step, cost.ratio))]
        for variant, cost in costs.items()
    ]
    return table(["", "s a training", "ms a step", "times the reference"], rows)
