"""How every stage meets the shell: what the user can mend becomes one line and exit status 1."""

import errno
import os
import sys
import traceback
from collections.abc import Callable

from ehrgen.core import costs, interrupts, lockfile
from ehrgen.core.params import ParamsError

REMEDIES = {
    errno.ENOSPC: "free some space, then run again",
    errno.EDQUOT: "free some of your quota, then run again",
    errno.EROFS: "make it writable, or run where you may write",
    errno.EACCES: "change its permissions, or run where you may write",
    errno.EPERM: "change its permissions, or run where you may write",
    errno.ENOENT: "run `dvc repro`, which makes what is missing",
    errno.ENOTDIR: "move what is in its place",
    errno.EISDIR: "move what is in its place",
    errno.EEXIST: "move what is in its place",
    errno.ENAMETOOLONG: "shorten it",
    errno.EIO: "look after the disk, then run again",
    errno.EMFILE: "raise `ulimit -n`, then run again",
    errno.ENOMEM: "free some memory, or run fewer JOBS",
}
"""Errors of the system that no program can mend, and what the user can do."""

WHOLE = "EHRGEN_TRACEBACK"  # set to anything, it shows where an error of one line came from


def cell() -> tuple[str, int]:
    """Variant and seed, the two arguments of a stage of the grid.

    Raises:
        ParamsError: If there are others; the usage is named.
    """
    if len(sys.argv) != 3 or not sys.argv[2].isdecimal():
        stage = sys.argv[0].rpartition("/")[2].removesuffix(".py")
        raise ParamsError(f"usage: python -m pipeline.{stage} VARIANT SEED; got {' '.join(sys.argv[1:]) or 'nothing'}")
    return sys.argv[1], int(sys.argv[2])


def run(main: Callable[[], None]) -> None:
    """Run a stage; print `error: ...` to stderr and exit 1 for what the user can mend, exit 130 for Ctrl-C.

    That is an error type that `ehrgen` declares, whose messages say what, where, how many and what to do, and what the
    system refuses: space, rights, a file that is not there. Anything else is a defect of the program and keeps its
    traceback, as does everything where $EHRGEN_TRACEBACK is set.
    """
    try:
        interrupts.raise_again()
        lockfile.keep()
        with costs.recorded():
            main()
    except KeyboardInterrupt:
        print(interrupts.STOPPED, file=sys.stderr)
        sys.exit(interrupts.STATUS)
    except Exception as error:
        text = message(error)
        if not text:
            raise
        if WHOLE in os.environ:
            traceback.print_exc()
        print(f"error: {text}", file=sys.stderr)
        sys.exit(1)


def message(error: Exception) -> str:
    """The one line for what the user can mend; nothing for a defect of the program."""
    if type(error).__module__.startswith("ehrgen."):
        return " ".join(str(error).split())
    if isinstance(error, MemoryError):
        return "out of memory; free some, run fewer JOBS, or lower the sizes in params.yaml"
    if isinstance(error, OSError) and error.errno in REMEDIES:
        where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        return f"{where}{os.strerror(error.errno)}; {REMEDIES[error.errno]}"
    return ""
