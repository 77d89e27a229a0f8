"""Several processes of which one fails or all do: `python -m abandoned both|killed`."""

import os
import signal
import sys

import torch

from ehrgen.learning import launcher, processes
from pipeline.command import run


def fail() -> None:
    (way,) = sys.argv[1:]
    processes.join("cpu")
    if way == "both":
        raise processes.ProcessError("both")
    if processes.number() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    processes.summed(torch.ones(1))


if __name__ == "__main__":
    run(launcher.each("abandoned", fail))
