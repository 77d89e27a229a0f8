"""Which stages a run needs, by DVC's own status, and how long they take."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from statistics import fmean
from typing import Self

from dvc.exceptions import DvcException
from dvc.repo import Repo
from networkx import ancestors
from pydantic import Field
from ruamel.yaml.error import YAMLError

from ehrgen.core.files import FileError
from ehrgen.core.params import load_yaml
from ehrgen.core.records import Record, read_record

FIRST = ("resolve", "preprocess", "cooccurrence")  # what every cell waits for, with what they depend on
CELL = ("train", "sample", "evaluate")
ANCHOR = "anchor"
# Seconds of one core, default params.yaml, as last measured, what DVC adds included; START is that of a training which
# is taken from the store, and of all but the epochs of one that is made. Most of what other stages take is their start.
SECONDS, OTHER, START = {"train": 46.0, "sample": 12.0, "evaluate": 11.0, "ingest": 5.0, ANCHOR: 28.0}, 4.0, 4.0


class PlanError(ValueError):
    """A project whose state DVC cannot tell; the message is DVC's."""


class Trained(Record):
    epochs: int = Field(ge=1)


class Timed(Record):
    """What a manifest says of how long its training took."""

    seconds: float
    train: Trained


@dataclass(frozen=True)
class Task:
    """Stages that run one after the other in one call: a cell of variant and seed, or the reference generators."""

    name: str
    stages: tuple[str, ...]
    seconds: float

    @property
    def cell(self) -> tuple[str, str] | None:
        """Variant and seed; None of the reference generators."""
        variant, at, seed = self.name.rpartition(" ")
        return (variant, seed) if at and self.name != REFERENCE else None

    @property
    def targets(self) -> list[str]:
        """The stages as arguments of `dvc repro`, of a cell by a pattern: for each name DVC would read all its files.

        Example:
            >>> Task("a 0", ("sample@a-0", "evaluate@a-0"), 60.0).targets
            ['--glob', '[se]*@a-0']
        """
        if self.cell is None:
            return [*self.stages]
        initials = "".join(stage[0] for stage in self.stages)
        return ["--glob", f"[{initials}]*@{escape('-'.join(self.cell))}"]


REFERENCE = "reference generators"


@dataclass(frozen=True)
class Plan:
    """What there is to do.

    Attributes:
        stages: How many there are.
        todo: Names of those that must run.
    """

    stages: int
    todo: frozenset[str]

    @classmethod
    def of(cls) -> Self:
        """That of the current folder: stages that changed, and all that depend on them.

        Raises:
            PlanError: If DVC cannot read its files.
        """
        try:
            with Repo() as repo:
                stages = {stage.addressing: stage for stage in repo.index.graph}
                changed = [stages[name] for name in repo.status() if name in stages]
                depend = set(changed).union(*(ancestors(repo.index.graph, stage) for stage in changed))
        except (DvcException, YAMLError, OSError) as error:
            raise PlanError(f"dvc status: {' '.join(str(error).split())}") from error
        return cls(len(stages), frozenset(stage.addressing for stage in depend))

    def trainings(self) -> list[tuple[str, int]]:
        """Variant and seed of each training that must run."""
        cells = [_cell(name) for name in sorted(self.todo) if name.startswith("train@")]
        return [(variant, int(seed)) for variant, seed in cells]

    def tasks(self, stored: Iterable[tuple[str, int]] = ()) -> list[Task]:
        """The cells to run, a training first, then the reference generators.

        Args:
            stored: Variant and seed of trainings that need not be made again.
        """
        seconds = _seconds()
        cheap = {f"train@{variant}-{seed}" for variant, seed in stored}
        cells: dict[tuple[str, str], list[str]] = {}
        for kind in CELL:
            for name in sorted(self.todo):
                if name.startswith(f"{kind}@"):
                    cells.setdefault(_cell(name), []).append(name)

        def takes(name: str) -> float:
            return START if name in cheap else seconds[name.partition("@")[0]]

        tasks = [Task(" ".join(cell), tuple(names), sum(map(takes, names))) for cell, names in cells.items()]
        if ANCHOR in self.todo:
            tasks.append(Task(REFERENCE, (ANCHOR,), seconds[ANCHOR]))
        return tasks


def _cell(name: str) -> tuple[str, str]:
    variant, _, seed = name.partition("@")[2].rpartition("-")
    return variant, seed


def _seconds() -> Mapping[str, float]:
    """A stage's kind -> seconds; a training counts as long as the epochs in the manifests took."""
    epochs = []
    for path in Path("reports/manifests").glob("*/*.json"):
        with suppress(FileError):  # a damaged one is about to be written anew
            manifest = read_record(path, Timed)
            epochs.append(manifest["seconds"] / manifest["train"]["epochs"])
    if not epochs:
        return SECONDS
    epoch = fmean(epochs)
    return SECONDS | {"train": START + epoch * load_yaml(Path("params.yaml"))["train"]["epochs"]}
