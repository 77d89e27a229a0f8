"""Ctrl-C in one line from a program's first moment.

Loading takes seconds, and what Python raises meanwhile surfaces in whatever library is being loaded, as pages of its
traceback. Nothing is half written then, so the program simply ends. Imports nothing that takes time.
"""

import os
import signal
import sys
from types import FrameType

STOPPED = "stopped; the same command goes on where it was"
STATUS = 128 + signal.SIGINT


def end_at_once() -> None:
    """Until `raise_again`, Ctrl-C ends a program that `python -m` has just begun to load; no other process cares."""
    begins = sys.argv[0] == "-m"  # so it is while the packages around the module are loaded
    if begins and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def raise_again() -> None:
    """From now on Ctrl-C raises KeyboardInterrupt, as Python has it."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(number: int, frame: FrameType | None) -> None:
    os.write(2, f"{STOPPED}\n".encode())
    os._exit(STATUS)
