"""Starting a stage in several processes, and ending them together with one line of error.

How many is a matter of the machine and not of the result, so it is no parameter: $EHRGEN_PROCESSES. Whoever calls
`torchrun` or `accelerate launch` need not set it.
"""

import logging
import os
import signal
import sys
import time
import uuid
from collections.abc import Callable, Sequence

from torch.distributed import TCPStore

from ehrgen.learning.machine import processes
from ehrgen.learning.machine.processes import LostProcessError, ProcessError

GRACE = 20.0
"""Seconds in which the launcher ends a process that has lost another: a fraction of one, unless the machine is busy."""


def each(stage: str, main: Callable[[], None]) -> Callable[[], None]:
    """`main` of a stage such as `pipeline.train`, to be run in as many processes as are asked for.

    It raises a ProcessError if $EHRGEN_PROCESSES is no whole number above 0.
    """

    def started() -> None:
        if "LOCAL_WORLD_SIZE" in os.environ:
            _together(main)
        elif asked() == 1:
            main()
        else:
            launch(stage, sys.argv[1:], asked())

    return started


def asked() -> int:
    """$EHRGEN_PROCESSES, 1 if it is not set.

    Raises:
        ProcessError: If it is no whole number above 0.
    """
    text = os.environ.get("EHRGEN_PROCESSES", "1")
    if not text.isdecimal() or int(text) == 0:
        raise ProcessError(f"EHRGEN_PROCESSES={text}: expected how many processes train and sample together, 1 or more")
    return int(text)


def launch(stage: str, arguments: Sequence[str], count: int) -> None:
    """Run a stage in `count` processes and wait for them.

    Raises:
        LostProcessError: If one was killed. One that failed has said why itself: this one then exits like it.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher import LaunchConfig, elastic_launch

    logging.getLogger("torch.distributed").setLevel(logging.CRITICAL)
    here = LaunchConfig(  # as `torchrun --standalone`: on this machine, at a free port, and no process is started twice
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=str(uuid.uuid4()),
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
    )
    try:
        elastic_launch(here, sys.executable)("-m", stage, *arguments)
    except SignalException as stopped:
        sys.exit(128 + stopped.sigval)
    except ChildFailedError as error:
        codes = {number: failure.exitcode for number, failure in error.failures.items()}
        ended = {number: code for number, code in codes.items() if code != -signal.SIGTERM} or codes
        number, code = next(iter(ended.items()))
        if code < 0:
            raise LostProcessError(f"process {number} of {count} was ended by signal {-code}") from None
        sys.exit(code)


def _together(main: Callable[[], None]) -> None:
    """`main` beside other processes; of those that fail, mostly alike, the first speaks and the others are quiet."""
    try:
        main()
    except LostProcessError:
        time.sleep(GRACE)
        raise
    except Exception:
        if not _is_first_to_fail():
            sys.exit(1)
        raise
    processes.leave()


def _is_first_to_fail() -> bool:
    """Asked in the launcher's store, which outlives its processes."""
    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    return TCPStore(address, port, is_master=False, wait_for_workers=False).add("ehrgen: failed", 1) == 1
