"""Stages on a disk that is full, and on one that is read-only: one in memory, where this process may mount it."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faults.project import Project, Stage, files
from faults.stages import run
from faults.tally import MUTE, ONE_LINE, SURVIVED, TRACEBACK, WRONG, Fault

KILOBYTE = 1024
SPARE = (0, 4, 16, 64, 256)  # KB that are left on the disk
ROOMY = "size=256m"


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Whether `folder` is now a disk in memory of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    mounted = os.geteuid() == 0 and _mount(["-t", "tmpfs", "-o", ROOMY, "tmpfs", str(folder)])
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)


def on_bad_disks(project: Project, holder: Path) -> Iterator[Fault]:
    """Run each stage with little space left, and without the right to write; then again on a good disk."""
    with small_disk(holder / "disk") as mounted:
        if not mounted:
            print("a full disk is left out: only root may mount a small one")
            return
        for stage in project.stages.values():
            for spare in SPARE:
                yield _tried(project, holder / "disk", stage, f"size={_used(project, holder) + spare}k", "disk full")
            yield _tried(project, holder / "disk", stage, "ro", "read-only disk")


def _tried(project: Project, disk: Path, stage: Stage, option: str, group: str) -> Fault:
    folder = project.copy(disk / "work")
    os.environ["TMPDIR"] = str(disk)
    try:
        _mount(["-o", f"remount,{option}", str(disk)])
        ended = run(folder, stage)
    finally:
        _mount(["-o", f"remount,rw,{ROOMY}", str(disk)])
        del os.environ["TMPDIR"]
    what = f"{stage}: {option}"
    if ended.manner not in ("done", "one line"):
        return Fault(group, what, TRACEBACK if ended.manner == "traceback" else MUTE, ended.printed[-1500:])
    if left := [name for name in project.different(folder, stage.writes) if (folder / name).exists()]:
        return Fault(group, what, WRONG, f"half of {', '.join(left)}")
    if run(folder, stage).manner != "done" or project.different(folder, stage.writes):
        return Fault(group, what, WRONG, "does not go on from there")
    return Fault(group, what, ONE_LINE if ended.manner == "one line" else SURVIVED)


def _used(project: Project, holder: Path) -> int:
    """KB that a copy takes, in whole pages."""
    folder = project.copy(holder / "disk/work")
    pages = sum(-(-file.stat().st_size // 4096) for file in files(folder) if not file.is_symlink())
    return 4 * pages


def _mount(arguments: list[str]) -> bool:
    return subprocess.run(["mount", *arguments], stderr=subprocess.DEVNULL).returncode == 0
