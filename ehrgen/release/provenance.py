"""Where a model folder comes from: the reports about it, each only if dvc.lock proves that it is about this model.

Reports lie in git and models do not, so the folder may hold another commit's model, or a copy of another variant's.
Every report is therefore followed from the model's own content through the hashes of the stages to the report's.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from ehrgen.core.params import load_yaml
from ehrgen.findings.statistics.results import FLOOR
from ehrgen.metrics.table.scores import Scores


class UnprovenError(ValueError):
    """A report that cannot be shown to be about this model; the message says why."""


@dataclass(frozen=True)
class Provenance:
    """What is known about a model.

    Attributes:
        manifest: Configuration, versions, time of its training.
        quality: The cohort it was trained on.
        run: Metrics of patients sampled from it.
        anchors: Metrics of reference generators against the same real patients; `floor` is real patients.
        missing: Part -> why it is not known.
    """

    variant: str
    seed: int
    manifest: Mapping[str, Any] | None = None
    quality: Mapping[str, Any] | None = None
    run: Scores | None = None
    anchors: Mapping[str, Scores] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, model: Path, lock: Path, reports: Path) -> Self:
        """What `reports` and `lock` prove about the model in the folder VARIANT/SEED."""
        variant, seed = model.resolve().parts[-2:]
        stages = load_yaml(lock).get("stages", {}) if lock.exists() else {}
        proof = Proof(stages, {"models": model, "reports": reports}, f"{variant}-{seed}")
        found: dict[str, Any] = {}
        missing: dict[str, str] = {}
        for part in (manifest, quality, run, anchors):
            try:
                found[part.__name__] = part(proof, f"{variant}/{seed}")
            except UnprovenError as error:
                missing[part.__name__] = str(error)
        return cls(variant, int(seed), **found, missing=missing)


@dataclass(frozen=True)
class Proof:
    """The stages of dvc.lock, and where the folders it speaks of are."""

    stages: Mapping[str, Any]
    folders: Mapping[str, Path]
    cell: str

    def recorded(self, stage: str, path: str) -> str:
        """The hash of `path` that a stage had or made; of the model's own stage where it is one of the grid."""
        entry = self.stages.get(f"{stage}@{self.cell}") or self.stages.get(stage) or {}
        for one in [*entry.get("deps", []), *entry.get("outs", [])]:
            if one["path"] == path:
                return one["md5"]
        raise UnprovenError(f"dvc.lock has no {path} of stage {stage}")

    def same(self, path: str, *stages: str) -> None:
        """Raise UnprovenError unless all these stages had or made the same `path`."""
        if len({self.recorded(stage, path) for stage in stages}) > 1:
            raise UnprovenError(f"{' and '.join(stages)} ran with different {path}; run `dvc repro`")

    def there(self, stage: str, path: str, at: Path) -> Path:
        """`at`, which holds what the stage had or made as `path`."""
        if not at.exists():
            raise UnprovenError(f"{path} is not there")
        if fingerprint(at) != self.recorded(stage, path):
            raise UnprovenError(f"{path} is not what dvc.lock records of stage {stage}")
        return at

    def model(self, cell: str, *stages: str) -> None:
        """Raise UnprovenError unless the model's folder holds what all these stages had or made."""
        for stage in stages:
            self.there(stage, f"models/{cell}", self.folders["models"])

    def report(self, stage: str, name: str) -> Path:
        """A report that the stage made."""
        return self.there(stage, f"reports/{name}", self.folders["reports"] / name)


def manifest(proof: Proof, cell: str) -> dict[str, Any]:
    """The manifest of the training."""
    proof.model(cell, "train")
    return json.loads(proof.report("train", f"manifests/{cell}.json").read_text(encoding="utf-8"))


def quality(proof: Proof, cell: str) -> dict[str, Any]:
    """The quality report of the cohort that the model was trained on."""
    proof.model(cell, "train")
    proof.same("data/sequences", "train", "preprocess")
    proof.same("data/cohort", "preprocess", "ingest")
    return json.loads(proof.report("ingest", "quality.json").read_text(encoding="utf-8"))


def run(proof: Proof, cell: str) -> Scores:
    """The metrics of patients sampled from the model."""
    proof.model(cell, "sample")
    proof.same(f"samples/{cell}", "sample", "evaluate")
    return Scores.load(proof.report("evaluate", f"runs/{cell}.json"))


def anchors(proof: Proof, cell: str) -> dict[str, Scores]:
    """The reference generators, measured by the same code against the same patients as the run."""
    measured = run(proof, cell)
    for path in ("data/cohort", "ehrgen/metrics"):
        proof.same(path, "evaluate", "anchor")
    found = {path.stem: Scores.load(path) for path in sorted(proof.report("anchor", "anchors").glob("*.json"))}
    if FLOOR not in found or found[FLOOR].patients != measured.patients:
        raise UnprovenError(f"reports/anchors has no floor of {measured.patients:,} patients")
    return found


def fingerprint(path: Path) -> str:
    """MD5 of a file's bytes; of a folder, of the list of its files' as DVC 3 writes it, with `.dir` behind it."""
    if path.is_file():
        return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    names = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
    listed = json.dumps([{"md5": fingerprint(path / name), "relpath": name} for name in names])
    return hashlib.md5(listed.encode(), usedforsecurity=False).hexdigest() + ".dir"
