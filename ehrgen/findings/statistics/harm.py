"""Which way harm goes: the sign of a difference from the reference that would be harm to an endpoint."""

from collections.abc import Mapping

from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.findings.statistics.results import FLOOR
from ehrgen.metrics.table.suite import METRICS

Key = tuple[str, str]  # (variant, metric)


def harm_ways(
    harmed: Mapping[str, Mapping[str, bool]],
    estimates: Mapping[str, Mapping[str, Estimate]],
    anchors: Mapping[str, Mapping[str, float]],
    reference: str,
) -> dict[Key, int]:
    """(variant, metric) -> 1 if harm would be a positive difference from the reference, -1 if a negative one.

    Where a metric has to match real patients, worse is farther from them, on whichever side both variants are; absent
    if they are on different sides, and where there are no real patients to match.
    """
    ways, floor = {}, anchors.get(FLOOR, {})
    for variant, row in harmed.items():
        for name, of_reference in row.items():
            if name not in estimates.get(variant, {}) or name not in estimates.get(reference, {}):
                continue
            metric, means = METRICS[name], [estimates[one][name].mean for one in (variant, reference)]
            worse = {"lower": 1, "higher": -1}.get(metric.better)
            if worse is None and name in floor:
                sides = {1 if mean > floor[name] else -1 for mean in means}
                worse = sides.pop() if len(sides) == 1 else None
            if worse is not None:
                ways[variant, name] = -worse if of_reference else worse
    return ways
