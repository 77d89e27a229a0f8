"""Seconds and peak memory of a command, in a process of its own that holds nothing else.

The system counts the memory of whoever starts a process towards its peak. So a small Python that imports the standard
library alone stands in between: this file, run as a program (hence it writes its JSON itself).
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

GIGABYTE = 1e9
UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in the unit of `ru_maxrss`."""


@dataclass(frozen=True)
class Usage:
    """What a command and all it started took.

    Attributes:
        seconds: From start to end.
        cpu: Seconds of CPU time.
        peak: Resident memory in GB (1e9 bytes) of the largest of its processes.
    """

    seconds: float
    cpu: float
    peak: float


def of(command: Sequence[str], folder: Path, environment: dict[str, str] | None = None) -> Usage:
    """Run a command in `folder`, quietly.

    Raises:
        RuntimeError: If it fails; all that it printed is in the message.
    """
    with tempfile.TemporaryDirectory() as holder:
        report = Path(holder) / "usage.json"
        done = subprocess.run(
            [sys.executable, __file__, str(report), *command],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} exited with {done.returncode}\n{done.stdout}")
        return Usage(**json.loads(report.read_text(encoding="utf-8")))


def row(usages: Iterable[Usage]) -> dict[str, float]:
    """Over rounds: median seconds, the least and the most, median CPU time, largest peak.

    Example:
        >>> row([Usage(2.0, 1.0, 0.5), Usage(4.0, 2.0, 0.25), Usage(3.0, 3.0, 0.5)])
        {'seconds': 3.0, 'least': 2.0, 'most': 4.0, 'cpu': 2.0, 'peak': 0.5}
    """
    found = list(usages)
    seconds = [one.seconds for one in found]
    return {
        "seconds": median(seconds),
        "least": min(seconds),
        "most": max(seconds),
        "cpu": median(one.cpu for one in found),
        "peak": max(one.peak for one in found),
    }


def main() -> None:
    report, *command = sys.argv[1:]
    started = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    content = {"seconds": seconds, "cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss * UNIT / GIGABYTE}
    Path(report).write_text(json.dumps(content), encoding="utf-8")
    sys.exit(process.returncode)


if __name__ == "__main__":
    main()
