"""What was found about several sets of patients, side by side, as Markdown."""

from collections.abc import Sequence

from ehrgen.findings.statistics import caveats
from ehrgen.findings.statistics.comparison import INDEPENDENT, skill
from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.findings.text.tables import ARROWS, NOTHING, cell, table
from ehrgen.metrics.table.suite import FAMILIES, HEADLINE, METRICS
from ehrgen.scoring.judging import FLOOR, Judged
from ehrgen.scoring.sides import Sides

REAL, MEMORISER = "real patients", "memoriser"
LEGEND = f"""\
↑ higher is better, ↓ lower is better, = as in real patients is best. *{REAL}* is real patients against other real
patients: what a perfect generator reaches. {NOTHING} is not judged, see the end."""
WIDTHS = """\
± is the half-width of the 95 % interval over samples of patients; ≈ stands where a set is as good as real patients, as
far as samples of this size can tell."""
REFERENCES = """\
*memoriser* copies {train}, *independent_codes* draws codes one by one as often as in them, *latent_profiles* is a
mixture fitted to them, *collapsed* repeats twenty of them, *markov* makes each visit from the one before."""
SKILL = """\
0 is independent codes, 1 is real patients: (score - independent) / (real - independent).
{told}"""
TOLD_APART = """\
Where the two are no further apart than other samples of real patients may be, the metric does not tell, and there is no
skill."""
PERHAPS = """\
Where the two nearly agree the metric tells little apart, and its skill is large either way."""


def score_md(judged: Judged, sides: Sides) -> str:
    """The whole page of score.md."""
    parts = [
        "# Synthetic patients beside real ones",
        f"Each number compares {judged.floor.patients:,} patients with as many real ones.",
        *sides.remarks,
        "## At a glance",
        legend(judged),
        numbers(judged, HEADLINE, [*judged.sets, FLOOR, *_there(judged, INDEPENDENT, MEMORISER)]),
        "## Skill",
        SKILL.format(told=TOLD_APART if judged.half_widths else PERHAPS),
        skills(judged),
        "## All metrics",
        REFERENCES.format(train=learnt_from(sides)),
        *all_metrics(judged),
        "## Not judged, and why",
        "\n".join(f"- {remark}" for remark in unjudged(judged)) or "Everything was judged.",
        "## What was read",
        "\n".join(f"- {line}" for line in sides.described),
    ]
    return "\n\n".join(parts) + "\n"


def legend(judged: Judged) -> str:
    """How to read the numbers."""
    return f"{LEGEND}\n{WIDTHS}" if judged.half_widths else LEGEND


def learnt_from(sides: Sides) -> str:
    """Whom the reference generators learnt from, in words."""
    return "the training patients" if sides.train is not None else "the other real patients"


def all_metrics(judged: Judged) -> list[str]:
    """A heading and a table for each family with a value."""
    everyone = [*judged.sets, FLOOR, *judged.generators]
    parts = []
    for family in FAMILIES:
        names = [name for name, metric in METRICS.items() if metric.family == family]
        if any(name in scores.metrics for name in names for scores in [*judged.sets.values(), judged.floor]):
            parts += [f"### {family.capitalize()}", numbers(judged, names, everyone)]
    return parts


def numbers(judged: Judged, metrics: Sequence[str], columns: Sequence[str]) -> str:
    """A row a metric, a column a set or reference."""
    header = ["", *(REAL if name == FLOOR else name for name in columns)]
    return table(header, [[titled(name), *(value(judged, owner, name) for owner in columns)] for name in metrics])


def titled(metric: str) -> str:
    """The metric and which way is better."""
    return f"{metric} {ARROWS[METRICS[metric].better]}"


def value(judged: Judged, owner: str, metric: str) -> str:
    """One number with what is known of its uncertainty, and ≈ where it is as good as real patients."""
    scores = {**judged.sets, FLOOR: judged.floor, **judged.generators}[owner]
    if metric not in scores.metrics or metric in caveats.blind(judged.floor):
        return NOTHING
    width = judged.half_widths.get(owner, {}).get(metric)
    mark = " ≈" if owner in judged.sets and as_good(judged, owner, metric) else ""
    return cell(Estimate(scores.metrics[metric], width, 1)) + mark


def as_good(judged: Judged, owner: str, metric: str) -> bool:
    """Whether a set is no worse than real patients beyond what other samples of both would show; only with half-widths.

    Example: with 0.90 ± 0.03 beside 0.93 ± 0.02 it is, as 0.03 is less than the root of 0.03² + 0.02².
    """
    ours, real = (judged.half_widths.get(name, {}).get(metric) for name in (owner, FLOOR))
    if ours is None or real is None or metric not in judged.floor.metrics:
        return False
    gap = METRICS[metric].gap(judged.sets[owner].metrics[metric], judged.floor.metrics[metric])
    return gap <= (ours**2 + real**2) ** 0.5


def skills(judged: Judged) -> str:
    """The skill of each set in the headline metrics that tell independent codes from real patients."""
    anchors = {FLOOR: judged.floor.metrics, **{name: one.metrics for name, one in judged.generators.items()}}
    unfit = {*caveats.blind(judged.floor), *(name for name in METRICS if not tells(judged, name))}
    found = {
        name: skill({key: Estimate(one, None, 1) for key, one in scores.metrics.items() if key not in unfit}, anchors)
        for name, scores in judged.sets.items()
    }
    rows = [
        [titled(metric), *(f"{one[metric]:z.2f}" if metric in one else NOTHING for one in found.values())]
        for metric in HEADLINE
        if any(metric in one for one in found.values())
    ]
    return table(["", *found], rows) if rows else "No metric tells independent codes from real patients here."


def tells(judged: Judged, metric: str) -> bool:
    """Whether independent codes and real patients differ by more than the half-width of the latter, where known."""
    width = judged.half_widths.get(FLOOR, {}).get(metric)
    known = [judged.floor, *(judged.generators[name] for name in _there(judged, INDEPENDENT))]
    both = [scores.metrics[metric] for scores in known if metric in scores.metrics]
    return width is None or len(both) < 2 or abs(both[0] - both[1]) > width


def unjudged(judged: Judged) -> list[str]:
    """One line for each reason why something has no value, with the metrics and whom it concerns."""
    runs = {REAL: {0: judged.floor}, **{name: {0: scores} for name, scores in judged.sets.items()}}
    return [*caveats.blind(judged.floor).values(), *caveats.not_judged(runs, judged.generators), *judged.left_out]


def _there(judged: Judged, *generators: str) -> list[str]:
    return [name for name in generators if name in judged.generators]
