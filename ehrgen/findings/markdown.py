"""The comparison as Markdown that also reads well in a terminal: padded columns, a table a metric family."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ehrgen.findings.attribution import COLUMNS
from ehrgen.findings.comparison import FLOOR, INDEPENDENT, Comparison
from ehrgen.findings.intervals import Estimate
from ehrgen.metrics.suite import FAMILIES, HEADLINE, METRICS, VACUOUS

NOTHING = "–"
ARROWS = {"higher": "↑", "lower": "↓", "match": "="}
SHOWN = tuple(name for name, metric in METRICS.items() if metric.headline or metric.beside in HEADLINE)
LEGEND = f"""\
Mean over training seeds ± half-width of the 95 % t interval. ↑ higher is better, ↓ lower is better, = as in
real patients is best. *floor* is held-out real patients against other held-out real patients, and the rows
below it are reference generators. {NOTHING} is not judged, see the end; a rate is {VACUOUS} where no code
carries a rule. All metrics are in reports/ablation.json."""
SKILL = """\
0 is independent codes, 1 is real patients: (score - independent) / (floor - independent), counted on both
sides of the floor where = is best. Where the two anchors nearly agree the metric tells little apart, and its
skill is large either way."""
OBJECTIVES = """\
Last epoch, mean over seeds: *share* is of the weighted loss; *grad_norm* is the norm of the objective's own
gradient on the shared parameters, *grad_share* its share once weighted. At 0 it teaches the model nothing."""

Objectives = Mapping[str, Mapping[str, Mapping[str, float]]]


def report(found: Comparison, objectives: Objectives, changed: Mapping[str, Mapping[str, Any]]) -> str:
    """The whole of reports/ablation.md."""
    sizes = " or ".join(f"{n:,}" for n in found.patients)
    parts = [
        "# Ablation",
        f"Each number compares {sizes} synthetic patients with as many held-out real ones.",
        _variants(found, changed),
        "## Metrics",
        LEGEND,
        *_metrics(found),
        f"## Differences from {found.reference}",
        *_differences(found),
        "## Skill",
        SKILL,
        _skill(found),
        "## Objectives",
        OBJECTIVES,
        _objectives(objectives),
        "## Not judged, and why",
        "\n".join(f"- {remark}" for remark in found.remarks) or "Everything was judged.",
    ]
    return "\n\n".join(parts) + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table with padded columns: the first to the left, the others to the right.

    Example:
        >>> print(table(["name", "value"], [["a", "1"], ["bcdef", "10"]]))
        | name  | value |
        |:------|------:|
        | a     |     1 |
        | bcdef |    10 |
    """
    lines = [header, *rows]
    width = [max(len(line[column]) for line in lines) for column in range(len(header))]
    padded = [[line[0].ljust(width[0]), *map(str.rjust, line[1:], width[1:])] for line in lines]
    first, *others = ["| " + " | ".join(cells) + " |" for cells in padded]
    rule = "|:" + "-" * (width[0] + 1) + "|" + "".join("-" * (size + 1) + ":|" for size in width[1:])
    return "\n".join([first, rule, *others])


def cell(estimate: Estimate, signed: bool = False) -> str:
    """`mean ± half-width`, the half-width to two digits and the mean to as many decimals.

    Example:
        >>> cell(Estimate(0.95123, 0.0021, 3)), cell(Estimate(1523.4, 42, 3)), cell(Estimate(7.25, None, 1))
        ('0.9512 ± 0.0021', '1523 ± 42', '7.25')
    """
    sign = "+" if signed else ""
    if not estimate.half_width:
        return f"{estimate.mean:{sign}.4g}" + ("" if estimate.half_width is None else " ± 0")
    digits = min(6, max(0, 1 - math.floor(math.log10(estimate.half_width))))
    return f"{estimate.mean:{sign}.{digits}f} ± {estimate.half_width:.{digits}f}"


def _title(name: str) -> str:
    return f"{name} {ARROWS[METRICS[name].better]}"


def _of_family(family: str) -> list[str]:
    return [name for name in SHOWN if METRICS[name].family == family]


def _variants(found: Comparison, changed: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [f"- **{found.reference}**: the reference; the others differ from it in what is listed"]
    for variant in found.differences:
        listed = ", ".join(f"{key} {value}" for key, value in changed.get(variant, {}).items())
        lines.append(f"- **{variant}**: {listed or 'the same configuration'}")
    return "\n".join(lines)


def _metrics(found: Comparison) -> list[str]:
    others = sorted(found.anchors, key=lambda anchor: anchor != FLOOR)
    rows: dict[str, dict[str, str]] = {
        variant: {name: cell(estimate) for name, estimate in values.items()}
        for variant, values in found.estimates.items()
    }
    rows |= {
        f"*{anchor}*": {name: f"{value:.4g}" for name, value in found.anchors[anchor].items()} for anchor in others
    }
    for owner, names in found.vacuous.items():
        rows[owner if owner in rows else f"*{owner}*"].update(dict.fromkeys(names, VACUOUS))
    parts = []
    for family in filter(_of_family, FAMILIES):
        names = _of_family(family)
        cells = [[owner, *(values.get(name, NOTHING) for name in names)] for owner, values in rows.items()]
        parts += [f"### {family.capitalize()}", table(["", *map(_title, names)], cells)]
    return parts


def _differences(found: Comparison) -> list[str]:
    estimates = [values[name] for values in found.differences.values() for name in SHOWN if name in values]
    intervals = [one for one in estimates if one.half_width is not None]
    if not estimates:
        return ["Nothing to compare: there is one variant, or the reference has no result."]
    if intervals:
        marked = sum(one.excludes_zero for one in intervals)
        open_ones = sum(bool(one.mean or one.half_width) for one in intervals)
        parts = [
            f"Paired by seed, ± half-width of the 95 % t interval. * marks the {marked} of {open_ones} that exclude\n"
            f"0 (those exactly 0 left out); if no variant differed, chance would mark about {0.05 * open_ones:.0f}."
        ]
    else:
        parts = ["Paired by seed. No intervals: they need two seeds that both variants have."]
    for family in filter(_of_family, FAMILIES):
        names = _of_family(family)
        rows = [
            [variant, *(_marked(values.get(name)) for name in names)] for variant, values in found.differences.items()
        ]
        parts.append(table(["", *map(_title, names)], rows))
    return parts


def _marked(estimate: Estimate | None) -> str:
    if estimate is None:
        return NOTHING
    return cell(estimate, signed=True) + (" *" if estimate.excludes_zero else "  ")


def _skill(found: Comparison) -> str:
    names = [name for name in HEADLINE if any(name in values for values in found.skill.values())]
    if not names:
        return f"Needs the anchors {FLOOR} and {INDEPENDENT}."
    rows = [
        [
            _title(name),
            *(f"{values[name]:z.2f}" if name in values else NOTHING for values in found.skill.values()),
        ]
        for name in names
    ]
    return table(["", *found.skill], rows)


def _objectives(objectives: Objectives) -> str:
    rows = [(variant, name, row) for variant, part in objectives.items() for name, row in part.items()]
    present = [column for column in COLUMNS if any(column in row for _, _, row in rows)]
    if not present:
        return "No history of training was found."
    cells = [
        [f"{variant} {name}", *(f"{row[column]:.4g}" if column in row else NOTHING for column in present)]
        for variant, name, row in rows
    ]
    return table(["variant and objective", *present], cells)
