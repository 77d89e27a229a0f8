"""The run as a whole: killed with all its processes, with its lock damaged, with its store and its files damaged."""

import contextlib
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from faults.damage import SEEN, UNSEEN
from faults.project import Project, files
from faults.stages import KILLED, Ended, run
from faults.tally import MUTE, ONE_LINE, SURVIVED, TRACEBACK, WRONG, Fault
from tests.support.sandbox import environment

RUNS = 4  # that are killed
TIMED = ("reports/ablation.md", "reports/report.html", "reports/ablation.json")  # hold what a training took
COMMAND = (sys.executable, "-m", "pipeline.repro", "--jobs", "2")


def runs(project: Project, holder: Path, rng: random.Random) -> Iterator[Fault]:
    """Runs from the start that are killed with all their processes at random, and go on with the next one."""
    for _ in range(RUNS):
        folder = _clone(project, holder / "run", finished=False)
        after = rng.uniform(5, 60)
        ended = _run(folder, kill_after=after)
        again = _run(folder) if ended.manner in ("killed", "done") else ended
        yield _judged(project, folder, again, "whole runs killed", f"after {after:.0f} s")


def locks(project: Project, holder: Path) -> Iterator[Fault]:
    """A finished run whose dvc.lock is damaged."""
    text = (project.folder / "dvc.lock").read_bytes()
    lines = text.splitlines(keepends=True)
    damaged = {
        "empty": b"",
        "cut in a line": text[: len(text) // 3],
        "cut after a line": b"".join(lines[: len(lines) // 2]),
        "a merge's marks": b"<<<<<<< HEAD\n" + text,
        "a tab": b"".join([*lines[:4], b"\tx\n", *lines[4:]]),
        "noise": random.Random(0).randbytes(len(text)),
    }
    for what, content in damaged.items():
        folder = _clone(project, holder / "run", finished=True)
        (folder / "dvc.lock").write_bytes(content)
        yield _judged(project, folder, _run(folder), "dvc.lock damaged", what)


def through_dvc(project: Project, holder: Path, rng: random.Random) -> Iterator[Fault]:
    """One bit turned in a file that the next stage would not notice: DVC does, by its hash."""
    names = ("data/cohort/diagnoses.parquet", "data/sequences/tokens.npy", "models/multitask/0/model.safetensors")
    for name in (*names, "reports/runs/multitask/0.json"):
        folder = _clone(project, holder / "run", finished=True)
        UNSEEN["one bit turned"](folder / name, rng)
        yield _judged(project, folder, _run(folder), "one bit, the whole run", name)


def store(project: Project, work: Path, rng: random.Random) -> Iterator[Fault]:
    """Each file of a stored training damaged, then the training asked for again."""
    stage = project.stages["train"]
    entry = next(path for path in (project.folder / ".store").iterdir() if _is_of(project, path))
    for file in files(entry):
        if file.name == "lock":
            continue
        for way, damage in (UNSEEN | SEEN).items():
            folder = project.copy(work)
            for out in stage.writes:
                (shutil.rmtree if (folder / out).is_dir() else os.remove)(folder / out)
            damage(folder / file.relative_to(project.folder), rng)
            ended = run(folder, stage)
            yield _judged(project, folder, ended, "the store damaged", f"{file.name}: {way}", TIMED, stage.writes)


def _is_of(project: Project, entry: Path) -> bool:
    """Whether this stored training is the one that the cell was given."""
    model = project.folder / "models/multitask/0/model.safetensors"
    return any(file.read_bytes() == model.read_bytes() for file in files(entry) if file.name == model.name)


def _clone(project: Project, to: Path, finished: bool) -> Path:
    """The whole project; unfinished, as it was before its first run."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(project.folder, to, symlinks=True)
    if not finished:
        for name in ("data", "models", "samples", "likelihoods", "reports", ".store", ".dvc/cache", ".dvc/tmp"):
            shutil.rmtree(to / name, ignore_errors=True)
        for name in ("dvc.lock", "resolved.yaml"):
            (to / name).unlink(missing_ok=True)
    return to


def _run(folder: Path, kill_after: float | None = None) -> Ended:
    began = time.monotonic()
    with subprocess.Popen(
        COMMAND, cwd=folder, env=environment(folder), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as running:
        if kill_after is not None:
            try:
                running.wait(kill_after)
            except subprocess.TimeoutExpired:
                everybody = [psutil.Process(running.pid), *psutil.Process(running.pid).children(recursive=True)]
                for process in everybody:
                    _quietly(process.kill)
                psutil.wait_procs(everybody)
                return Ended(KILLED, "", time.monotonic() - began)
        printed = running.communicate()[0]
    return Ended(running.returncode, printed, time.monotonic() - began)


def _quietly(act: Callable[[], None]) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        act()


def _judged(
    project: Project,
    folder: Path,
    ended: Ended,
    group: str,
    what: str,
    aside: tuple[str, ...] = TIMED,
    paths: tuple[Path, ...] = tuple(
        map(Path, ("data", "models", "samples", "likelihoods", "reports", "resolved.yaml"))
    ),
) -> Fault:
    if ended.manner != "done":
        outcome = {"one line": ONE_LINE, "traceback": TRACEBACK}.get(ended.manner, MUTE)
        return Fault(group, what, outcome, ended.printed[-1500:])
    found = [name for name in project.different(folder, paths) if not name.startswith((*aside, "reports/manifests"))]
    return Fault(group, what, WRONG if found else SURVIVED, ", ".join(found[:5]))
