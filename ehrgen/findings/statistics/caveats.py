"""What has no number, and why, in words: absent runs, unequal samples, metrics that cannot judge."""

from collections.abc import Mapping, Sequence

from ehrgen.metrics.table.scores import Scores
from ehrgen.metrics.table.suite import METRICS

Runs = Mapping[str, Mapping[int, Scores]]


def missing(runs: Runs, seeds: Sequence[int], reference: str) -> list[str]:
    """A remark for each variant without all seeds, for a reference without any, and for a single seed."""
    absent = {variant: [str(seed) for seed in seeds if seed not in by_seed] for variant, by_seed in runs.items()}
    remarks = [
        f"{variant}: no result for seed {', '.join(listed)}; run `dvc repro`"
        for variant, listed in absent.items()
        if listed
    ]
    if not runs.get(reference):
        remarks.append(f"no differences: the reference {reference} has no result")
    if len(seeds) == 1:
        remarks.append("no intervals: one seed says nothing about the spread between trainings")
    return remarks


def sizes(runs: Runs, anchors: Mapping[str, Scores]) -> list[str]:
    """A remark if there are no anchors, or if not all comparisons were of equally many patients."""
    if not anchors:
        return ["no floor and no anchors: reports/anchors is empty; run `dvc repro`"]
    ours = sorted({scores.patients for by_seed in runs.values() for scores in by_seed.values()})
    theirs = sorted({scores.patients for scores in anchors.values()})
    if ours == theirs and len(ours) == 1:
        return []
    return [
        f"sample sizes differ: {_numbers(ours)} patients in the runs, {_numbers(theirs)} in the anchors; "
        "values that depend on the size do not compare: set sampling.patients to at least evaluate.patients"
    ]


def resolution_missing(anchors: Mapping[str, Scores], resolution: Mapping[str, float]) -> list[str]:
    """A remark if there are anchors, but nothing is known of how they move from sample to sample."""
    if not anchors or resolution:
        return []
    return ["no standard error of the floor: reports/margins.json is empty; run `dvc repro`"]


def blind(floor: Scores | None) -> dict[str, str]:
    """Metric -> why, for those whose floor shows that a sample of this size cannot judge."""
    if floor is None:
        return {}
    reasons = {}
    for name, metric in METRICS.items():
        least, value = metric.floor_at_least, floor.metrics.get(name)
        if least is not None and value is not None and value < least:
            reasons[name] = (
                f"{name}: floor too low to judge: two real samples of {floor.patients:,} patients reach "
                f"{value:.3g}, and {least:g} is the least; evaluate more patients"
            )
    return reasons


def not_judged(runs: Runs, anchors: Mapping[str, Scores]) -> list[str]:
    """One remark for each reason and those it concerns, naming the metrics."""
    owners: dict[tuple[str, str], list[str]] = {}  # (metric, reason) -> whom it concerns
    for variant, by_seed in runs.items():
        seeds: dict[tuple[str, str], list[str]] = {}
        for seed, scores in sorted(by_seed.items()):
            for key in scores.not_judged.items():
                seeds.setdefault(key, []).append(str(seed))
        for key, listed in seeds.items():
            some = f" (seed {', '.join(listed)})" if len(listed) < len(by_seed) else ""
            owners.setdefault(key, []).append(f"{variant}{some}")
    for anchor, scores in anchors.items():
        for key in scores.not_judged.items():
            owners.setdefault(key, []).append(f"anchor {anchor}")
    metrics: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (name, reason), concerned in owners.items():
        metrics.setdefault((reason, tuple(concerned)), []).append(name)
    everyone = (*(variant for variant, by_seed in runs.items() if by_seed), *(f"anchor {a}" for a in anchors))
    return [
        f"{', '.join(names)}: {reason} ({'everywhere' if concerned == everyone else '; '.join(concerned)})"
        for (reason, concerned), names in metrics.items()
    ]


def _numbers(values: Sequence[int]) -> str:
    return ", ".join(f"{value:,}" for value in values)
