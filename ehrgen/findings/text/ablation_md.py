"""reports/ablation.md: the answer, what changed, whether it matters, what is undecided; then every table."""

from collections.abc import Iterable, Mapping
from typing import Any

from ehrgen.findings.statistics.comparison import SHOWN, Ablation
from ehrgen.findings.statistics.costs import TrainingCost
from ehrgen.findings.statistics.history import FINAL_COLUMNS
from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.findings.statistics.margins import INDEPENDENT, OF_GAP, OF_VALUE, RATE
from ehrgen.findings.statistics.power import MOST_SEEDS, POWER
from ehrgen.findings.statistics.results import FLOOR
from ehrgen.findings.statistics.sampling_noise import MOSTLY
from ehrgen.findings.statistics.significance import (
    DIFFERS,
    EQUIVALENT,
    EXPLORATORY,
    NO_HARM,
    PRIMARY,
    SLIGHT,
    UNDECIDED,
    Significance,
)
from ehrgen.findings.text.summary import markdown, summary
from ehrgen.findings.text.tables import ARROWS, NOTHING, bracketed, cell, percent, sign, table
from ehrgen.findings.verdicts.losses import MEANINGS, Verdicts, shared_by
from ehrgen.metrics.table.suite import FAMILIES, HEADLINE, METRICS, VACUOUS

OPENING = "What each variant changes, whether that matters, what is still undecided, and then every number."
LEGEND = f"""\
A value is the mean over training seeds; the value of a seed is the mean over its samples. After ± stands half of the
95 % t interval over seeds. ↑ higher is better, ↓ lower is better, = as in real patients is best. All metrics are in
ablation.json.

Rows in italics are for comparison. *{FLOOR}* is held-out real patients against other held-out real patients; its
standard error over samples of patients is in brackets, and says how finely a metric can tell. The rows below it are
reference generators. {NOTHING} is not judged, for a reason given at the end. A rate is {VACUOUS} where no code has a
rule."""
PRIMARY_WORDS = f"""\
Each loss declares beforehand what it is meant to move and what it may harm. These are the primary endpoints of every
variant that changes the loss. Nothing else is a result; all other differences are leads.

A difference is the variant minus `{{reference}}`, seed by seed, with its 95 % t interval.
{{rules}}p is corrected for the number of endpoints of the variant (Holm). The margin is the smallest difference that
matters: {percent(OF_GAP)} of the gap between independent codes and real patients, but at least {percent(OF_VALUE)}
of what real patients have; for rates, {percent(RATE)} of the patients. More: docs/verdicts.md."""
BOUNDED = "An R2 below 0 counts as 0."
POOLED = "Variants that differ in the loss alone share one estimate of chance."
GROUPS = {  # head -> what it says, and the outcomes in it
    "Differs": ("p is at most 5 %.", (DIFFERS,)),
    "Differs by too little to matter": (
        "p is at most 5 %, and the 90 % interval lies within the margin.",
        (SLIGHT,),
    ),
    "No effect that matters": (
        "The 90 % interval lies within the margin. *No harm*: the endpoint may be harmed, and the one-sided 95 % "
        "interval rules out harm beyond the margin.",
        (EQUIVALENT, NO_HARM),
    ),
    "Undecided, and what it would take": (
        'This is not "no effect". The last column says how many seeds would decide it with a power of '
        f"{percent(POWER)}, if mean and spread stay as they are. For metrics marked †, more samples of each model help "
        "more than seeds.",
        (UNDECIDED,),
    ),
}
DIFFERENCES = """\
All metrics of the tables above. * differs and is primary. ° differs and is exploratory: a lead, to be tested with new
seeds. Of all that are marked °, 5 % are expected to be chance (false discovery rate). ≈ lies within the margin."""
NOISE = f"""\
How much a value moves when other patients are drawn from the same model (*samples*), and when the model is trained
again (*seeds*), as standard deviations. *share* is how much of the variance of a difference comes from sampling. Above
{percent(MOSTLY)} the metric is marked †: more samples of each model (`sampling.samples`) narrow its interval more than
more seeds do."""
SKILL = """\
0 is independent codes, 1 is real patients. Where the two nearly agree the metric tells little apart, and skill is large
in either direction. Where = is best, both sides of real patients count alike."""
OBJECTIVES = """\
Last epoch, mean over seeds. *share* is of the weighted loss. *grad_norm* is the norm of the gradient of this loss alone
on the shared parameters; *grad_share* is its share once weighted. A loss with a gradient of 0 teaches nothing."""

VERDICTS = """\
What became of each loss in training. In brackets: how many seeds agree, where not all do. The evidence is in
findings.md.

{meanings}"""
COSTS = """\
Wall time of the trainings, on a machine that may have done other work beside them. The ratio to the reference is of
CPU time, seed by seed."""

Objectives = Mapping[str, Mapping[str, Mapping[str, float]]]


def report(
    ablation: Ablation,
    objectives: Objectives,
    changed: Mapping[str, Mapping[str, Any]],
    verdicts: Verdicts,
    costs: Mapping[str, TrainingCost],
) -> str:
    """The whole of reports/ablation.md, in the order in which a reviewer asks."""
    sizes = " or ".join(f"{n:,}" for n in ablation.patients)
    points = [point.content() for point in summary(ablation, changed, verdicts, objectives)]
    parts = [
        "# Ablation",
        f"{OPENING}\nEach number compares {sizes} synthetic patients with as many held-out real ones.",
        "## The answer",
        markdown(points),
        "## What changed",
        _variants(ablation, changed),
        *_primary(ablation),
        "## What became of each loss",
        *_verdicts(verdicts),
        "## Metrics",
        LEGEND,
        *_metrics(ablation),
        f"## All differences from {ablation.reference}",
        *_differences(ablation),
        *_noise(ablation),
        "## Skill",
        SKILL,
        _skill(ablation),
        "## What each loss weighs",
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
    """A table an outcome, what differs first: endpoints, why they are, and how large the difference is."""
    judged = [
        (variant, name, one)
        for variant, row in ablation.significance.items()
        for name, one in row.items()
        if one.family == PRIMARY
    ]
    if not judged:
        return []
    parts = []
    for head, (words, outcomes) in GROUPS.items():
        rows = [
            [
                variant,
                f"{_title(name)}{_dagger(ablation, name)}",
                ", ".join(ablation.endpoints[variant][name]),
                cell(ablation.differences[variant][name], signed=True),
                _margin(ablation.margins.get(name)).strip(),
                _seeds(one) if one.outcome == UNDECIDED else f"{one.p:.2g}",
            ]
            for variant, name, one in judged
            if one.outcome in outcomes
        ]
        last = "seeds" if UNDECIDED in outcomes else "p"
        if rows:
            shown = table(["variant", "endpoint", "which", "difference", "margin", last], rows)
            parts += [f"### {head}: {len(rows)} of {len(judged)}", words, shown]
    pooled = any(one.pooled_freedom is not None for row in ablation.differences.values() for one in row.values())
    rules = [POOLED] * pooled + [BOUNDED] * _bounded(ablation)
    said = PRIMARY_WORDS.format(reference=ablation.reference, rules="".join(f"{rule}\n" for rule in rules))
    return ["## Does it matter", said, *parts]


def _bounded(ablation: Ablation) -> bool:
    """Whether an R2 below 0 counted as 0, as it did not in runs before that rule: then no two differ by more than 1."""
    differences = [
        one for row in ablation.differences.values() for name, one in row.items() if METRICS[name].unit == "R2"
    ]
    return all(abs(one.mean) <= 1 for one in differences)


def _seeds(judged: Significance) -> str:
    return str(judged.seeds) if judged.seeds else f"> {MOST_SEEDS}"


def _differences(ablation: Ablation) -> list[str]:
    if not any(ablation.differences.values()):
        return ["Nothing to compare: there is one variant, or the reference has no result."]
    parts = ["Paired by seed. No intervals: they need two seeds that both variants have."]
    if any(ablation.significance.values()):
        parts = [DIFFERENCES, _counted(ablation)]
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


def _verdicts(verdicts: Verdicts) -> list[str]:
    objectives = dict.fromkeys(name for of_variant in verdicts.values() for name in of_variant)
    if not objectives:
        return ["No history of training was found."]
    used = {verdict.name for of_variant in verdicts.values() for verdict in of_variant.values()}
    meanings = "\n".join(f"- *{name}*: {meaning}" for name, meaning in MEANINGS.items() if name in used)
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
    return [VERDICTS.format(meanings=meanings), table(["", *objectives], rows)]


def _costs(costs: Mapping[str, TrainingCost]) -> str:
    if not costs:
        return "No manifest of a training was found."
    rows = [
        [variant, *(cell(value) if value else NOTHING for value in (cost.seconds, cost.step, cost.ratio))]
        for variant, cost in costs.items()
    ]
    return table(["", "s a training", "ms a step", "times the reference"], rows)
