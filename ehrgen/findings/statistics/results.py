"""Everything the pipeline found about some variants, by variant and seed."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ehrgen.findings.statistics import traces
from ehrgen.findings.statistics.traces import Traces
from ehrgen.metrics.table.suite import Scores
from ehrgen.variants import AblationSettings

FLOOR = "floor"
Result = TypeVar("Result")


class NoEvidenceError(ValueError):
    """What a claim needs is not there; the message says what."""


@dataclass(frozen=True)
class Results:
    """Variant -> seed -> what was found, and the reference generators.

    Attributes:
        runs: Metrics of the patients generated.
        traces: Every objective through the training.
        manifests: Parameters and seconds of the training.
        anchors: Metrics of reference generators; `floor` is real patients.
    """

    runs: Mapping[str, Mapping[int, Scores]]
    traces: Mapping[str, Mapping[int, Traces]]
    manifests: Mapping[str, Mapping[int, Mapping[str, Any]]]
    anchors: Mapping[str, Scores]

    @classmethod
    def read(cls, ablation: AblationSettings, runs: Path, history: Path, manifests: Path, anchors: Path) -> "Results":
        """What there is of these variants and seeds in these folders."""
        return cls(
            runs=by_seed(ablation, runs, ".json", Scores.load),
            traces=by_seed(ablation, history, ".csv", traces.load),
            manifests=by_seed(ablation, manifests, ".json", lambda path: json.loads(path.read_text())),
            anchors={path.stem: Scores.load(path) for path in sorted(anchors.glob("*.json"))},
        )

    def need(self, *variants: str) -> None:
        """Raise NoEvidenceError naming those of these variants that have no result of any kind."""
        if absent := [name for name in variants if not (self.runs.get(name) or self.traces.get(name))]:
            raise NoEvidenceError(f"not run: {', '.join(absent)}")

    def metric(self, variant: str, name: str) -> dict[int, float]:
        """Seed -> value of a metric.

        Raises:
            NoEvidenceError: If the variant was not run, or no seed has a value.
        """
        self.need(variant)
        by_seed = self.runs.get(variant, {})
        found = {seed: scores.metrics[name] for seed, scores in by_seed.items() if name in scores.metrics}
        if not found:
            reasons = {scores.not_judged.get(name, "no value") for scores in by_seed.values()}
            raise NoEvidenceError(f"{name} of {variant}: {'; '.join(sorted(reasons))}")
        return found

    def floor(self, name: str) -> float:
        """The metric between two samples of real patients.

        Raises:
            NoEvidenceError: If the floor was not evaluated, or has no value there.
        """
        value = self.anchors[FLOOR].metrics.get(name) if FLOOR in self.anchors else None
        if value is None:
            raise NoEvidenceError(f"{name}: no floor to compare with")
        return value


def by_seed(
    ablation: AblationSettings, folder: Path, suffix: str, load: Callable[[Path], Result]
) -> dict[str, dict[int, Result]]:
    """Variant -> seed -> what `load` makes of folder/VARIANT/SEED.suffix, where that file is there."""
    paths = {
        variant: {seed: folder / variant / f"{seed}{suffix}" for seed in ablation.seeds} for variant in ablation.run
    }
    return {
        variant: {seed: load(path) for seed, path in of_seed.items() if path.exists()}
        for variant, of_seed in paths.items()
    }
