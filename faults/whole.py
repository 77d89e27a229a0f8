"""The run as a whole: killed with all its processes, with its lock damaged, with its store and its files damaged."""

import contextlib
import io
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
from ruamel.yaml import YAML

from faults.damage import SEEN, UNSEEN
from faults.project import Project, Stage, files
from faults.stages import KILLED, Ended, run
from faults.tally import MUTE, ONE_LINE, SURVIVED, TRACEBACK, WRONG, Fault
from tests.support.sandbox import environment

RUNS = 3  # that are killed
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


def files_of_dvc(project: Project, holder: Path) -> Iterator[Fault]:
    """What DVC reads itself, damaged as editors and merges do, on which DVC alone says little or nothing."""
    damages: dict[str, Callable[[bytes], bytes]] = {
        "a tab": lambda content: content.replace(b"\n  ", b"\n\t", 1),
        "a merge's marks": lambda content: b"<<<<<<< HEAD\n" + content,
        "UTF-16": lambda content: content.decode().encode("utf-16"),
        "noise": lambda content: random.Random(0).randbytes(len(content)),
        "empty": lambda content: b"",
        "gone": lambda content: b"",
    }
    folder = _clone(project, holder / "run", finished=True)
    for name in ("params.yaml", "dvc.yaml"):
        whole = (folder / name).read_bytes()
        for what, damage in damages.items():
            (folder / name).write_bytes(damage(whole)) if what != "gone" else (folder / name).unlink()
            ended = _run(folder)
            outcome = {"done": WRONG, "one line": ONE_LINE, "traceback": TRACEBACK}.get(ended.manner, MUTE)
            yield Fault("params.yaml and dvc.yaml damaged", f"{name}: {what}", outcome, ended.printed[-1500:])
        (folder / name).write_bytes(whole)


ORPHANED = {  # stage -> a parameter of it and another value
    "ingest": ("cohort", "seed", 1),
    "train": ("train", "learning_rate", 0.004),
    "sample": ("sampling", "seed", 1),
    "evaluate": ("evaluate", "seed", 1),
}


def orphans(project: Project, holder: Path) -> Iterator[Fault]:
    """Stages that sleep while their DVC is killed and a newer run with other parameters ends, and then wake up."""
    for kind, (section, key, value) in ORPHANED.items():
        folder, stage = _clone(project, holder / "run", finished=True), project.stages[kind]
        name = " ".join((f"{kind}@{'-'.join(stage.arguments)}" if stage.arguments else kind,))
        yield _orphaned(project, folder, stage, name, lambda text: _set(text, section, key, value))  # noqa: B023


def _orphaned(project: Project, folder: Path, stage: Stage, name: str, change: Callable[[str], str]) -> Fault:
    params, command = folder / "params.yaml", [sys.executable, "-m", "dvc", "repro", name]
    kept = params.read_text(encoding="utf-8")
    params.write_text(change(kept), encoding="utf-8")
    quiet = {"cwd": folder, "env": environment(folder), "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **quiet) as dvc:
        orphan = _child(dvc, f"pipeline.{stage.kind}")
        orphan.suspend()
        dvc.kill()
    params.write_text(kept, encoding="utf-8")
    newer = subprocess.run(command, **quiet).returncode
    orphan.resume()
    _, alive = psutil.wait_procs([orphan], timeout=120)
    found = project.different(folder, stage.writes)
    outcome = SURVIVED if newer == 0 and not alive and not found else WRONG
    return Fault("stages that outlive their DVC", name, outcome, f"newer run: {newer}; {', '.join(found)}")


def _child(dvc: subprocess.Popen, module: str) -> psutil.Process:
    """The stage that DVC has just started."""
    while dvc.poll() is None:
        for child in psutil.Process(dvc.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if child.cmdline()[1:3] == ["-m", module]:
                    return child
        time.sleep(0.02)
    raise RuntimeError(f"DVC ended with {dvc.returncode} before it started {module}")


def _set(text: str, section: str, key: str, value: object) -> str:
    yaml, out = YAML(), io.StringIO()
    content = yaml.load(text)
    content[section][key] = value
    yaml.dump(content, out)
    return out.getvalue()


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
