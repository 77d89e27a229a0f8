"""What each variant cost to train, from the manifests of its trainings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ehrgen.findings.statistics.intervals import Estimate

Manifests = Mapping[str, Mapping[int, Mapping[str, Any]]]  # variant -> seed -> manifest


@dataclass(frozen=True)
class Cost:
    """Of one variant, over its seeds.

    Attributes:
        seconds: Wall time of a training, s.
        step: Wall time of an optimiser step, ms; measuring gradients, probes and validation are in it. None if a
            manifest does not say how many there were.
        ratio: CPU time of its training over the reference's, seed by seed; None where it is not known.
    """

    seconds: Estimate
    step: Estimate | None
    ratio: Estimate | None


def costs(manifests: Manifests, reference: str) -> dict[str, Cost]:
    """Variant -> cost, of those with a manifest."""
    base = manifests.get(reference, {})
    return {variant: _cost(by_seed, base) for variant, by_seed in manifests.items() if by_seed}


def _cost(by_seed: Mapping[int, Mapping[str, Any]], base: Mapping[int, Mapping[str, Any]]) -> Cost:
    found = by_seed.values()
    steps = [1000 * one["seconds"] / one["steps"] for one in found if one.get("steps")]
    known = [cpu_ratio(by_seed[seed], base[seed]) for seed in sorted(by_seed.keys() & base.keys())]
    ratios = [ratio for ratio in known if ratio is not None]
    return Cost(
        seconds=Estimate.of([one["seconds"] for one in found]),
        step=Estimate.of(steps) if len(steps) == len(found) else None,
        ratio=Estimate.of(ratios) if ratios else None,
    )


def cpu_ratio(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> float | None:
    """CPU time of one training over that of another; None where a manifest has none, as of a GPU's work."""
    seconds = [one.get("cpu_seconds") for one in (ours, theirs)]
    return seconds[0] / seconds[1] if all(seconds) else None
