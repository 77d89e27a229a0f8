"""What each variant cost to train, from the manifests of its trainings."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from ehrgen.core.records import Record, read_record
from ehrgen.findings.statistics.intervals import Estimate

Manifest = Mapping[str, Any]  # the content of reports/manifests/VARIANT/SEED.json
Manifests = Mapping[str, Mapping[int, Manifest]]  # variant -> seed -> manifest


class _Parameters(Record):
    all: int = Field(ge=1)


class _Train(Record):
    epochs: int = Field(ge=1)


class _Manifest(Record):
    key: str
    machine: dict[str, Any]
    parameters: _Parameters
    train: _Train
    seconds: float = Field(ge=0)
    steps: int | None = Field(default=None, ge=0)
    cpu_seconds: float | None = Field(default=None, ge=0)


def load_manifest(path: Path) -> Manifest:
    """The manifest of a training.

    Raises:
        FileError: If the file is missing, is no JSON, or lacks what is reported of a training.
    """
    return read_record(path, _Manifest)


@dataclass(frozen=True)
class TrainingCost:
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


def costs(manifests: Manifests, reference: str) -> dict[str, TrainingCost]:
    """Variant -> cost, of those with a manifest."""
    base = manifests.get(reference, {})
    return {variant: _cost(of_variant, base) for variant, of_variant in manifests.items() if of_variant}


def _cost(of_variant: Mapping[int, Manifest], base: Mapping[int, Manifest]) -> TrainingCost:
    manifests = of_variant.values()
    steps = [1000 * manifest["seconds"] / manifest["steps"] for manifest in manifests if manifest.get("steps")]
    known = [cpu_ratio(of_variant[seed], base[seed]) for seed in sorted(of_variant.keys() & base.keys())]
    ratios = [ratio for ratio in known if ratio is not None]
    return TrainingCost(
        seconds=Estimate.of([manifest["seconds"] for manifest in manifests]),
        step=Estimate.of(steps) if len(steps) == len(manifests) else None,
        ratio=Estimate.of(ratios) if ratios else None,
    )


def cpu_ratio(training: Manifest, reference: Manifest) -> float | None:
    """CPU time of one training over that of another; None where a manifest has none, as of a GPU's work."""
    ours, theirs = training.get("cpu_seconds"), reference.get("cpu_seconds")
    return ours / theirs if ours and theirs else None
