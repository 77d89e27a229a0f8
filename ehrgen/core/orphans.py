"""Whether DVC still waits for this stage: what nobody waits for must not replace results that may be newer.

Killing DVC leaves the process of its stage alive, minutes of it. A second `dvc repro` then does the same work, and the
first process would write over its results whenever it comes to an end.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

import psutil

STAGE = "DVC_STAGE"
"""Set by DVC for every command that it runs."""
SHELLS = {"sh", "bash", "dash", "zsh", "fish", "ksh"}

_own_files = ContextVar("own_files", default=False)


class OrphanError(ValueError):
    """A stage whose DVC is gone; the message says what it left as it was."""


class _Starters:
    """The processes between DVC, included, and this one; empty if DVC did not start it."""

    def __init__(self, starters: list[psutil.Process]) -> None:
        self.processes = []
        if STAGE in os.environ:
            for process in starters:
                self.processes.append(process)
                if not _is_between(process):
                    break

    def gone(self) -> bool:
        """Whether one of them has ended."""
        return not all(_lives(process) for process in self.processes)


def _is_between(process: psutil.Process) -> bool:
    """Whether it is a shell that DVC runs a command in, or the launcher of several processes."""
    try:
        return process.name() in SHELLS or any(word.startswith("pipeline.") for word in process.cmdline())
    except psutil.Error:
        return False


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


_starters = _Starters(psutil.Process().parents() if STAGE in os.environ else [])


def started_by(number: int) -> None:
    """This process does the work of that other one, which DVC has started."""
    global _starters
    with suppress(psutil.NoSuchProcess):
        other = psutil.Process(number)
        _starters = _Starters([other, *other.parents()])


@contextmanager
def own_files() -> Iterator[None]:
    """In it, files are written whoever waits for them: those of the store, which no later stage reads."""
    token = _own_files.set(True)
    try:
        yield
    finally:
        _own_files.reset(token)


def refuse(target: Path) -> None:
    """Called before a file takes its place.

    Raises:
        OrphanError: If DVC has started this process and is gone.
    """
    if _starters.processes and not _own_files.get() and _starters.gone():
        stage = os.environ[STAGE]
        raise OrphanError(f"{stage}: DVC, which started it, is gone; {target} is left as it is: run dvc repro again")
