"""A finished tiny project, and copies of its results in which one thing is made to go wrong."""

import filecmp
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from tests.support.sandbox import Sandbox

CODE = ("ehrgen", "pipeline")
KEPT = ("data", "models", "samples", "likelihoods", "reports", ".store", "params.yaml", "resolved.yaml", "dvc.lock")
CLOCK = ("reports/manifests", ".store")  # hold times, so they differ from run to run
CELL = "multitask-0"


@dataclass(frozen=True)
class Stage:
    """One stage as dvc.lock has it.

    Attributes:
        kind: Its module in `pipeline`.
        arguments: What follows that on the command line.
        reads: Data that it depends on; files and folders.
        writes: Its outs.
    """

    kind: str
    arguments: tuple[str, ...]
    reads: tuple[Path, ...]
    writes: tuple[Path, ...]

    def __str__(self) -> str:
        return " ".join((self.kind, *self.arguments))


@dataclass(frozen=True)
class Project:
    """The finished run. `folder` is never touched again; `copy` is what faults are done to."""

    folder: Path
    stages: dict[str, Stage]

    @classmethod
    def make(cls, holder: Path) -> "Project":
        """Run everything once, in a clone."""
        sandbox = Sandbox.make(holder / "finished")
        sandbox.run("python", "-m", "pipeline.repro", "--jobs", "2")
        sandbox.commit("finished")
        lock = YAML(typ="safe").load(sandbox.folder / "dvc.lock")["stages"]
        chosen = {
            name: entry for name, entry in lock.items() if "@" not in name or name.endswith(("/simulator.npz", CELL))
        }
        return cls(
            sandbox.folder,
            {entry["cmd"].split()[2].removeprefix("pipeline."): _stage(entry) for entry in chosen.values()},
        )

    def copy(self, to: Path) -> Path:
        """A fresh copy of all results; the code is linked."""
        shutil.rmtree(to, ignore_errors=True)
        to.mkdir(parents=True)
        for name in CODE:
            (to / name).symlink_to(self.folder / name)
        for name in KEPT:
            source = self.folder / name
            (shutil.copytree if source.is_dir() else shutil.copy2)(source, to / name)
        return to

    def different(self, copy: Path, paths: Iterable[Path]) -> list[str]:
        """Files of these outs that are not, byte for byte, those of the finished run; what tells the time aside."""
        found = []
        for path in paths:
            if path.as_posix().startswith(CLOCK):
                continue
            names = {file.relative_to(root) for root in (self.folder, copy) for file in files(root / path)}
            found += [str(name) for name in sorted(names) if not _same(self.folder / name, copy / name)]
        return found


def files(path: Path) -> list[Path]:
    """The files at a path: itself, or those below it that are not temporary."""
    if path.is_file():
        return [path]
    below = sorted(file for file in path.rglob("*") if file.is_file())
    return [file for file in below if not any(part.endswith(".tmp") for part in file.relative_to(path).parts)]


def _same(one: Path, other: Path) -> bool:
    return one.is_file() and other.is_file() and filecmp.cmp(one, other, shallow=False)


def _stage(entry: dict) -> Stage:
    words = entry["cmd"].replace("'", "").split()
    reads = [Path(dep["path"]) for dep in entry.get("deps", ()) if not dep["path"].startswith(("ehrgen/", "pipeline/"))]
    reads += [Path(name) for name in entry.get("params", ())]
    return Stage(
        words[2].removeprefix("pipeline."),
        tuple(words[3:]),
        tuple(reads),
        tuple(Path(out["path"]) for out in entry.get("outs", ())),
    )
