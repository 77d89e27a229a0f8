"""Everything the pipeline found about some variants, by variant and seed."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from ehrgen.findings.statistics import pooling
from ehrgen.findings.statistics.costs import Manifests, load_manifest
from ehrgen.findings.statistics.history import History, HistoryError, Traces
from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.metrics.table.scores import Scores
from ehrgen.metrics.table.suite import METRICS
from ehrgen.variants import AblationSettings

FLOOR = "floor"
Content = TypeVar("Content")


class NoEvidenceError(ValueError):
    """What a claim needs is not there; the message says what."""


@dataclass(frozen=True)
class Results:
    """Variant -> seed -> what was found, and the reference generators.

    Attributes:
        runs: Metrics of the patients generated.
        histories: The training, epoch by epoch.
        manifests: Parameters and seconds of the training.
        anchors: Metrics of reference generators; `floor` is real patients.
        reference: The variant that the others are compared with; empty if none is.
        alike: Variants that differ from it in their loss alone: they share one estimate of the chance.
    """

    runs: Mapping[str, Mapping[int, Scores]]
    histories: Mapping[str, Mapping[int, History]]
    manifests: Manifests
    anchors: Mapping[str, Scores]
    reference: str = ""
    alike: Collection[str] = ()

    @classmethod
    def read(
        cls,
        ablation: AblationSettings,
        runs: Path,
        history: Path,
        manifests: Path,
        anchors: Path,
        alike: Collection[str] = (),
    ) -> "Results":
        """What there is of these variants and seeds in these folders; each file is read once.

        Args:
            alike: Variants that differ from the reference in their loss alone.

        Raises:
            ScoresError, HistoryError, FileError: If one is not whole; the message names it.
        """
        histories, of_trainings = trainings(ablation, history, manifests)
        return cls(
            runs=by_seed(ablation, runs, ".json", Scores.load),
            histories=histories,
            manifests=of_trainings,
            anchors={path.stem: Scores.load(path) for path in sorted(anchors.glob("*.json"))},
            reference=ablation.reference,
            alike=alike,
        )

    @cached_property
    def traces(self) -> dict[str, dict[int, Traces]]:
        """Variant -> seed -> every objective through the training."""
        return traces_of(self.histories)

    @cached_property
    def differences(self) -> dict[tuple[str, str], Estimate]:
        """(variant, metric) -> difference from the reference, with the interval that every report shows of it."""
        return pooling.differences(pooling.bounded(long_table(self.runs, METRICS)), self.reference, self.alike)

    def need(self, *variants: str) -> None:
        """Raise NoEvidenceError naming those of these variants that have no result of any kind."""
        if absent := [name for name in variants if not (self.runs.get(name) or self.histories.get(name))]:
            raise NoEvidenceError(f"not run: {', '.join(absent)}")

    def metric(self, variant: str, name: str) -> dict[int, float]:
        """Seed -> value of a metric.

        Raises:
            NoEvidenceError: If the variant was not run, or no seed has a value.
        """
        self.need(variant)
        scores_of = self.runs.get(variant, {})
        values = {seed: scores.metrics[name] for seed, scores in scores_of.items() if name in scores.metrics}
        if not values:
            reasons = {scores.not_judged.get(name, "no value") for scores in scores_of.values()}
            raise NoEvidenceError(f"{name} of {variant}: {'; '.join(sorted(reasons))}")
        return values

    def floor(self, name: str) -> float:
        """The metric between two samples of real patients.

        Raises:
            NoEvidenceError: If the floor was not evaluated, or has no value there.
        """
        value = self.anchors[FLOOR].metrics.get(name) if FLOOR in self.anchors else None
        if value is None:
            raise NoEvidenceError(f"{name}: no floor to compare with")
        return value


def long_table(
    runs: Mapping[str, Mapping[int, Scores]], metrics: Iterable[str]
) -> dict[tuple[str, str], dict[int, float]]:
    """(variant, metric) -> seed -> value, for these metrics, where any seed has one."""
    table: dict[tuple[str, str], dict[int, float]] = {}
    for metric in metrics:
        for variant, by_seed in runs.items():
            for seed, scores in sorted(by_seed.items()):
                if metric in scores.metrics:
                    table.setdefault((variant, metric), {})[seed] = scores.metrics[metric]
    return table


def traces_of(histories: Mapping[str, Mapping[int, History]]) -> dict[str, dict[int, Traces]]:
    """Variant -> seed -> every objective through the training."""
    return {
        variant: {seed: history.traces for seed, history in of_variant.items()}
        for variant, of_variant in histories.items()
    }


def trainings(
    ablation: AblationSettings, history: Path, manifests: Path
) -> tuple[dict[str, dict[int, History]], Manifests]:
    """Variant -> seed -> history, and manifest, of the trainings that are there.

    Raises:
        HistoryError: If a history cannot be read, or has not the epochs that the manifest says were trained.
        FileError: If a manifest cannot be read.
    """
    histories = by_seed(ablation, history, ".csv", History.load)
    of_trainings = by_seed(ablation, manifests, ".json", load_manifest)
    for variant, of_variant in histories.items():
        for seed in of_variant.keys() & of_trainings[variant].keys():
            there, wanted = of_variant[seed].epochs, of_trainings[variant][seed]["train"]["epochs"]
            if there != wanted:
                path = history / variant / f"{seed}.csv"
                raise HistoryError(f"{path}: {there} epochs, and {wanted} were trained; remove it and run `dvc repro`")
    return histories, of_trainings


def by_seed(
    ablation: AblationSettings, folder: Path, suffix: str, load: Callable[[Path], Content]
) -> dict[str, dict[int, Content]]:
    """Variant -> seed -> what `load` makes of folder/VARIANT/SEED.suffix, where that file is there."""
    paths = {
        variant: {seed: folder / variant / f"{seed}{suffix}" for seed in ablation.seeds} for variant in ablation.run
    }
    return {
        variant: {seed: load(path) for seed, path in of_variant.items() if path.exists()}
        for variant, of_variant in paths.items()
    }
