"""The daemons of a Slurm on this machine, for as long as somebody holds this program's standard input open.

    python -m tests.support.slurm_daemons FOLDER

FOLDER holds their configuration, slurm.conf, and goes when they end.

Slurm's daemons leave whoever starts them, and the keeper of a task outlives them all. So this program adopts what they
leave behind and ends every descendant of its own when its input closes, which is so too if its starter is killed.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

READY = "ready"
PATIENCE = 120.0  # seconds; other work on the machine is no failure
ADOPT = 36  # PR_SET_CHILD_SUBREAPER of <linux/prctl.h>
CALM = 0.1  # seconds between two looks


class DaemonError(RuntimeError):
    """A daemon does not do what it should; the message ends in what they wrote."""


def start(folder: Path) -> None:
    """Munge, the controller and the node, one after the other; all write FOLDER/*.log.

    Raises:
        DaemonError: If one ends, or the node is not idle in time.
    """
    munge = [f"--{what}={folder / name}" for what, name in MUNGE_FILES.items()]
    _begin(folder, "munged", "--force", "--foreground", *munge)
    _wait(folder, (folder / "munge.socket").exists)
    _begin(folder, "slurmctld", "-D")
    _begin(folder, "slurmd", "-D")
    _wait(folder, lambda: "idle" in _said("sinfo", "--noheader", "--format=%T"))


MUNGE_FILES = {
    "key-file": "munge.key",
    "socket": "munge.socket",
    "pid-file": "munged.pid",
    "log-file": "munge.log",
    "seed-file": "munge.seed",
}


def _begin(folder: Path, *command: str) -> None:
    with (folder / f"{command[0]}.log").open("w") as log:
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=folder)


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True).stdout


def _wait(folder: Path, done: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not done():
        ended = [process.name() for process in psutil.Process().children() if process.status() == psutil.STATUS_ZOMBIE]
        if ended or time.monotonic() > until:
            wrote = "\n".join(path.read_text() for path in sorted(folder.glob("*.log")))
            raise DaemonError(f"{' and '.join(ended) or 'the node'} is not up; its daemons wrote\n{wrote}")
        time.sleep(CALM)


def end_all() -> int:
    """End every descendant of this process, adopted ones included; returns how many there were."""
    ended = 0
    while own := psutil.Process().children(recursive=True):
        for process in own:
            process.kill()
        ended += len(own)
        psutil.wait_procs(own, timeout=5)
        _reap()
    return ended


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:  # none is left
        return


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # meant for the starter, whose end is noticed
    folder = Path(sys.argv[1])
    ctypes.CDLL(None, use_errno=True).prctl(ADOPT, 1, 0, 0, 0)
    try:
        start(folder)
        print(READY, flush=True)
        sys.stdin.read()
    except DaemonError as error:
        print(error, flush=True)
        sys.exit(1)
    finally:
        end_all()
        shutil.rmtree(folder, ignore_errors=True)  # the starter does, unless it was killed


if __name__ == "__main__":
    main()
