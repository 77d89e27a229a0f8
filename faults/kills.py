"""Stages that are killed before each of their file operations, and stopped at any moment."""

import os
import random
import re
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from faults.project import Project, Stage
from faults.stages import Ended, run, run_program
from faults.tally import MUTE, ONE_LINE, SURVIVED, TRACEBACK, WRONG, Fault

CHANGES = ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate")
MOST = 10  # operations of a stage that are tried, evenly over all
MOMENTS = 3  # of each stage and signal


def counting(kill_at: int | None) -> Callable[[], None]:
    """A hook that counts operations that change files, and kills its own process before the one of this number."""

    def start() -> None:
        seen = 0

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal seen
            writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
            if not (writes or event in CHANGES):
                return
            seen += 1
            if seen == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            elif kill_at is None:
                os.write(1, f"operation {seen}\n".encode())

        sys.addaudithook(hook)

    return start


def at_operations(project: Project, work: Path) -> Iterator[Fault]:
    """Kill each stage before up to MOST of its file operations, and run it again."""
    for stage in project.stages.values():
        counted = run(_prepared(project, work, stage), stage, counting(None))
        total = len(re.findall(r"^operation \d+$", counted.printed, re.MULTILINE))
        chosen = sorted({1 + round(i * (total - 1) / max(MOST - 1, 1)) for i in range(MOST)}) if total else []
        for number in chosen:
            folder = _prepared(project, work, stage)
            ended = run(folder, stage, counting(number))
            yield _judged(project, folder, stage, ended, "killed before a file operation", f"{number} of {total}")


def at_moments(project: Project, work: Path, rng: random.Random) -> Iterator[Fault]:
    """Kill each stage at random, and stop it as Ctrl-C does, from its start on, and run it again."""
    ways = {"killed at any moment": run, "Ctrl-C at any moment": run_program}
    for stage in project.stages.values():
        for group, start in ways.items():
            whole = start(_prepared(project, work, stage), stage).seconds
            for _ in range(MOMENTS):
                folder, after = _prepared(project, work, stage), rng.uniform(0, whole)
                ended = start(folder, stage, after=after)
                yield _judged(project, folder, stage, ended, group, f"after {after:.2f} s")


def _prepared(project: Project, work: Path, stage: Stage) -> Path:
    folder = project.copy(work)
    if stage.kind == "train":
        shutil.rmtree(folder / ".store")  # else there is nothing to train
    return folder


def _judged(project: Project, folder: Path, stage: Stage, ended: Ended, group: str, what: str) -> Fault:
    """What is left under the final names must be whole, and the next run of the stage must end with what is right."""
    what = f"{stage}: {what}"
    if ended.manner in ("traceback", "mute", "hangs"):
        return Fault(group, what, TRACEBACK if ended.manner == "traceback" else MUTE, ended.printed[-1500:])
    left = [name for name in project.different(folder, stage.writes) if (folder / name).exists()]
    if left:
        return Fault(group, what, WRONG, f"half of {', '.join(left)}")
    again = run(folder, stage)
    if again.manner != "done":
        outcome = {"one line": ONE_LINE, "traceback": TRACEBACK}.get(again.manner, MUTE)
        return Fault(group, what, outcome, again.printed[-1500:])
    if found := project.different(folder, stage.writes):
        return Fault(group, what, WRONG, f"then another result: {', '.join(found)}")
    rest = [path.name for path in folder.rglob(".*.tmp") if path.parent.name != "tmp"]
    return Fault(group, what, SURVIVED, f"left: {', '.join(rest)}" if rest else "")
