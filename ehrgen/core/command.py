"""How every stage meets the shell: an error of ours becomes one line and exit status 1."""

import sys
from collections.abc import Callable

from ehrgen.core.params import ParamsError


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
    """Run a stage; print `error: ...` to stderr and exit 1 for an error type that `ehrgen` declares.

    Those messages say what, where, how many and what to do, so a traceback would only hide them. Anything
    else is a defect of the program and keeps its traceback.
    """
    try:
        main()
    except Exception as error:
        if not type(error).__module__.startswith("ehrgen."):
            raise
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(1)
