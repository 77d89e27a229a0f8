"""Stages in processes forked from one that has loaded everything: a fault costs what its stage takes, no start."""

import importlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from faults.project import Stage

PATIENCE = 120.0  # seconds until a stage counts as hanging
KILLED = -signal.SIGKILL


@dataclass(frozen=True)
class Ended:
    """How a process ended: exit status (minus the signal), what it printed, and seconds."""

    status: int
    printed: str
    seconds: float

    @property
    def manner(self) -> str:
        """`done`, `one line`, `traceback`, `mute` (a failure without a word), `killed` or `hangs`."""
        if self.status == KILLED:
            return "hangs" if self.seconds >= PATIENCE else "killed"
        at_start = self.status == -signal.SIGINT or "KeyboardInterrupt" in self.printed
        if at_start and "/pipeline/" not in self.printed:  # Python itself, before our first line
            return "killed"
        if "Traceback (most recent call last)" in self.printed:
            return "traceback"
        if self.status == 0:
            return "done"
        lines = [line for line in self.printed.splitlines() if line.startswith(("error: ", "stopped"))]
        return "one line" if len(lines) == 1 and len(lines[0]) < 2000 else "mute"


def load(kinds: list[str]) -> None:
    """Import what stages need, so that no child has to."""
    os.environ["OMP_NUM_THREADS"] = "1"
    for kind in kinds:
        importlib.import_module(f"pipeline.{kind}")


def run(
    folder: Path,
    stage: Stage,
    before: Callable[[], None] = lambda: None,
    after: float | None = None,
    by: int = signal.SIGKILL,
) -> Ended:
    """Run a stage in `folder`.

    Args:
        before: Called in the process of the stage before it starts.
        after: Seconds until it gets the signal `by`.
    """
    with tempfile.TemporaryFile() as output:
        began = time.monotonic()
        if (child := os.fork()) == 0:
            _be(folder, stage, before, output.fileno())
        status = _wait(child, began, after, by)
        seconds = time.monotonic() - began
        output.seek(0)
        return Ended(status, output.read().decode(errors="replace"), seconds)


def run_program(folder: Path, stage: Stage, after: float | None = None, by: int = signal.SIGINT) -> Ended:
    """As `run`, started as DVC starts it: what it loads is part of the time."""
    with tempfile.TemporaryFile() as output:
        began = time.monotonic()
        command = [sys.executable, "-m", f"pipeline.{stage.kind}", *stage.arguments]
        own = os.environ | {"EHRGEN_STORE": str(folder / ".store"), "OMP_NUM_THREADS": "1"}
        with subprocess.Popen(command, cwd=folder, env=own, stdout=output, stderr=subprocess.STDOUT) as running:
            with suppress(subprocess.TimeoutExpired):
                running.wait(PATIENCE if after is None else after)
            if running.poll() is None:
                running.send_signal(by if after is not None else signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                running.wait(PATIENCE)
            running.kill()
        seconds = time.monotonic() - began
        output.seek(0)
        return Ended(running.returncode, output.read().decode(errors="replace"), seconds)


def _wait(child: int, began: float, after: float | None, by: int) -> int:
    """The child's exit status; it gets the signal in time, and is killed where it hangs."""
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - began
        if after is not None and seconds >= after:
            os.kill(child, by)
            after = None
        if seconds >= PATIENCE:
            os.kill(child, signal.SIGKILL)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        time.sleep(0.002)


def _be(folder: Path, stage: Stage, before: Callable[[], None], output: int) -> None:
    """Become the stage; never returns."""
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.stdout = sys.stderr = os.fdopen(1, "w", buffering=1)
        os.chdir(folder)
        os.environ["EHRGEN_STORE"] = str(folder / ".store")
        sys.argv = [f"{stage.kind}.py", *stage.arguments]
        from ehrgen.core.command import run as command

        main = importlib.import_module(f"pipeline.{stage.kind}").main
        before()
        command(main)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)
