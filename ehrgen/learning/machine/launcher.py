"""Starting a stage in several processes, and ending them together with one line of error.

How many is a matter of the machine and not of the result, so it is no parameter: $EHRGEN_PROCESSES. Whoever calls
`accelerate launch` need not set it.
"""

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence

from torch.distributed import TCPStore

from ehrgen.learning.machine import processes
from ehrgen.learning.machine.processes import LostProcessError, ProcessError

GRACE = 20.0
"""Seconds in which the launcher ends a process that has lost another: a fraction of one, unless the machine is busy."""

OPTIONS = ["--multi_gpu", "--num_machines=1", "--main_process_port=0"]
OPTIONS += ["--mixed_precision=no", "--dynamo_backend=no", "--num_cpu_threads_per_process=1"]
"""Of `accelerate launch`: several processes here, on GPUs if there are any, on a free port. All that the launcher would
otherwise take from a configuration of the user's or warn of."""


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
    from accelerate.commands.launch import launch_command, launch_command_parser
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    logging.getLogger("torch.distributed").setLevel(logging.CRITICAL)
    command = [*OPTIONS, "--num_processes", str(count), "--module", stage, *arguments]
    try:
        launch_command(launch_command_parser().parse_args(command))
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
