"""Where a model folder comes from: the reports about it, each only if dvc.lock proves that it is about this model.

Reports lie in git and models do not, so the folder may hold another commit's model, or a copy of another variant's.
Every report is therefore followed from the model's own content through what dvc.lock says that each stage read and
wrote, to the report's. Hashes are DVC's, computed by its own library.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from dvc_data.hashfile.build import build
from dvc_data.hashfile.db import HashFileDB
from dvc_objects.fs import LocalFileSystem, MemoryFileSystem

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
        record = Record(stages, variant, seed, model, reports)
        parts: dict[str, Any] = {}
        missing: dict[str, str] = {}
        for part in (manifest, quality, run, anchors):
            try:
                parts[part.__name__] = part(record)
            except UnprovenError as error:
                missing[part.__name__] = str(error)
        return cls(variant, int(seed), **parts, missing=missing)


@dataclass(frozen=True)
class Record:
    """What dvc.lock says that stages read and wrote, and the model and the reports as they are.

    Attributes:
        stages: Stage -> its entry in dvc.lock.
        variant, seed: Of the model, which choose the stage of a grid.
        model: The folder of the model, wherever it lies.
        reports: The folder of the reports.
    """

    stages: Mapping[str, Any]
    variant: str
    seed: str
    model: Path
    reports: Path

    @property
    def cell(self) -> str:
        return f"{self.variant}/{self.seed}"

    def files(self, stage: str) -> dict[str, str]:
        """Path -> hash of what a stage read and wrote; of the model's own one where it is a grid."""
        entry = self.stages.get(f"{stage}@{self.variant}-{self.seed}") or self.stages.get(stage) or {}
        return {file["path"]: file["md5"] for file in [*entry.get("deps", []), *entry.get("outs", [])]}

    def recorded(self, stage: str, path: str) -> str:
        """The hash of what the stage read or wrote there."""
        if path not in (files := self.files(stage)):
            raise UnprovenError(f"dvc.lock has no {path} of stage {stage}")
        return files[path]

    def need_model(self, stage: str) -> None:
        """Raise UnprovenError unless the stage made or read this model."""
        self._need_content(stage, f"models/{self.cell}", self.model)

    def need_same(self, path: str, first: str, second: str) -> None:
        """Raise UnprovenError unless both stages read or wrote the same there."""
        if self.recorded(first, path) != self.recorded(second, path):
            raise UnprovenError(f"{first} and {second} ran with different {path}; run `dvc repro`")

    def report(self, stage: str, name: str) -> Path:
        """A report, which is as the stage wrote it."""
        self._need_content(stage, f"reports/{name}", self.reports / name)
        return self.reports / name

    def _need_content(self, stage: str, path: str, at: Path) -> None:
        if not at.exists():
            raise UnprovenError(f"{path} is not there")
        if content_hash(at) != self.recorded(stage, path):
            raise UnprovenError(f"{path} is not what dvc.lock records of stage {stage}")


def manifest(record: Record) -> dict[str, Any]:
    """The manifest of the training."""
    record.need_model("train")
    return json.loads(record.report("train", f"manifests/{record.cell}.json").read_text(encoding="utf-8"))


def quality(record: Record) -> dict[str, Any]:
    """The quality report of the cohort that the model was trained on."""
    record.need_model("train")
    record.need_same("data/sequences", "train", "preprocess")
    record.need_same("data/cohort", "preprocess", "ingest")
    return json.loads(record.report("ingest", "quality.json").read_text(encoding="utf-8"))


def run(record: Record) -> Scores:
    """The metrics of patients sampled from the model."""
    record.need_model("sample")
    record.need_same(f"samples/{record.cell}", "sample", "evaluate")
    return Scores.load(record.report("evaluate", f"runs/{record.cell}.json"))


def anchors(record: Record) -> dict[str, Scores]:
    """The reference generators, measured by the same code against the same patients as the run."""
    of_run = run(record)
    for path in ("data/cohort", *(path for path in record.files("evaluate") if path.startswith("ehrgen/"))):
        record.need_same(path, "evaluate", "anchor")
    scores = {path.stem: Scores.load(path) for path in sorted(record.report("anchor", "anchors").glob("*.json"))}
    if FLOOR not in scores or scores[FLOOR].patients != of_run.patients:
        raise UnprovenError(f"reports/anchors has no floor of {of_run.patients:,} patients")
    return scores


def content_hash(path: Path) -> str:
    """DVC's hash of a file or a folder, as dvc.lock has it."""
    store = HashFileDB(MemoryFileSystem(global_store=False), "unused")  # where DVC would keep a copy: nowhere
    _, _, content = build(store, str(path.resolve()), LocalFileSystem(), "md5", dry_run=True)
    if content.hash_info.value is None:
        raise UnprovenError(f"{path}: DVC gives it no hash; generate from a model folder that nothing is writing to")
    return content.hash_info.value
