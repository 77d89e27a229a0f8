"""How every stage meets the shell: an error of ours becomes one line and exit status 1."""

import sys
from collections.abc import Callable


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
