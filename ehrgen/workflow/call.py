"""Calls of DVC, several side by side, whose errors are told and which Ctrl-C cannot stop while they write dvc.lock."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from ehrgen.core.lockfile import keep

LOGS = Path(".dvc/tmp/repro")
STANDBY = str(LOGS / "standby")
"""The socket of the interpreter that stages begin as copies of."""
COSTS = LOGS / "costs"
"""A file a run, named by when it began: what its stages took; see `core.costs`."""
PATIENCE = 20.0  # seconds that a stage has to end by itself
TOLD = 12  # lines of a failure whose reason cannot be told
OWN = re.compile(r"error: (?P<text>.*)")  # of a stage
DVC = re.compile(r"ERROR: (?P<text>.*)")


class CallError(ValueError):
    """A call of DVC that failed; the message says why, in the words of the stage or of DVC."""


@dataclass
class Calls:
    """DVC in the current folder. Each call is a session of its own, so that a Ctrl-C in the terminal does not reach it.

    `stop` ends the stages instead, and DVC, which is never killed, comes to its end by their failure.
    """

    running: set[subprocess.Popen[str]] = field(default_factory=set)

    def run(self, name: str, arguments: Iterable[str], heard: Callable[[str], None]) -> None:
        """One call, from its start to its end; every line that it or a stage prints is `heard`, and kept in LOGS.

        Raises:
            CallError: If it fails.
        """
        lines: list[str] = []
        LOGS.mkdir(parents=True, exist_ok=True)
        log = LOGS / f"{re.sub(r'[^a-zA-Z0-9_.-]', '_', name)}.log"
        command = [sys.executable, "-m", "dvc", "--wait-for-lock", *arguments]
        with (
            log.open("w", encoding="utf-8") as kept,
            subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env=environment(),
                start_new_session=True,
            ) as process,
        ):
            self.running.add(process)
            assert process.stdout is not None
            for line in process.stdout:
                kept.write(line)
                kept.flush()
                lines.append(line.rstrip("\n"))
                heard(lines[-1])
        self.running.discard(process)
        keep()
        if process.returncode:
            raise CallError(reason(lines, log))

    def stop(self) -> None:
        """End the stages that run, by Ctrl-C and at last by force, and wait for their DVC."""
        began = time.monotonic()
        while alive := [process for process in set(self.running) if process.poll() is None]:
            force = time.monotonic() - began > PATIENCE
            for process in alive:
                with suppress(psutil.NoSuchProcess):
                    for stage in psutil.Process(process.pid).children(recursive=True):
                        with suppress(psutil.NoSuchProcess):
                            stage.send_signal(signal.SIGKILL if force else signal.SIGINT)
            time.sleep(1.0)


def environment() -> dict[str, str]:
    """That of the caller, so that the `python` of a stage is the one that runs now and git looks where it stands."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("GIT_DIR", "GIT_INDEX", "GIT_WORK", "PYTHON"))
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return kept | {"PATH": path, "PYTHONUNBUFFERED": "1"}


def reason(lines: list[str], log: Path) -> str:
    """Why a call failed: the stage's own line, else that of DVC, else the last ones there are.

    Example:
        >>> reason(["error: x: too few", "ERROR: failed to reproduce 'train@a-0': failed to run: ..."], Path("a.log"))
        'train@a-0: x: too few'
    """
    own, dvc = ([found["text"] for line in lines if (found := of.match(line))] for of in (OWN, DVC))
    stage = re.search(r"failed to reproduce '([^']+)'", dvc[-1]) if dvc else None
    if own:
        return f"{stage[1]}: {own[-1]}" if stage else own[-1]
    if any(line.startswith("Traceback ") for line in lines):
        last = next(line for line in reversed(lines) if line.strip() and not DVC.match(line))
        return f"{stage[1] if stage else 'dvc'}: a defect of the program: {last.strip()}; the whole is in {log}"
    said = dvc or [line for line in lines if line.strip()][-TOLD:]
    return " ".join(said) or f"DVC ended without a word; see {log}"
