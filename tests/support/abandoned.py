"""Several processes of which one fails or all do: `python -m tests.support.abandoned both|killed`."""

import os
import signal
import sys

import torch

from ehrgen.core.command import run
from ehrgen.learning.machine import launcher, processes


def fail() -> None:
    (way,) = sys.argv[1:]
    processes.join("cpu")
    if way == "both":
        raise processes.ProcessError("both")
    if processes.number() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    processes.summed(torch.ones(1))


if __name__ == "__main__":
    run(launcher.each("tests.support.abandoned", fail))
