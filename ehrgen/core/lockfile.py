"""The last whole dvc.lock, kept for the case that DVC is killed while it writes the next one.

DVC empties the file and takes up to half a second to fill it again, after every stage. Killed in between, it leaves a
project that no command of DVC can read; `workflow.mend` then puts the kept one back.
"""

import fcntl
import re
from contextlib import suppress
from pathlib import Path

from ehrgen.core.files import replacing

LOCK, KEPT, HELD = Path("dvc.lock"), Path(".dvc/tmp/dvc.lock.kept"), Path(".dvc/tmp/lock")


def keep() -> None:
    """Copy a dvc.lock that is whole, unless a DVC holds the project at this moment; every stage does when it starts."""
    with suppress(OSError), HELD.open("a") as held:  # no project of DVC; or DVC may be writing
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        content = LOCK.read_bytes()
        if not (cut_off(content) or re.search(rb"^( *\t|<<<<<<<|=======|>>>>>>>)", content, re.MULTILINE)):
            with replacing(KEPT) as fresh:
                fresh.write_bytes(content)


def cut_off(content: bytes) -> bool:
    """Whether this is no dvc.lock, or the beginning of one: DVC ends every line, and the last one too.

    Example:
        >>> cut_off(b"schema: '2.0'\\nstages:\\n  a:\\n    cmd: b\\n"), cut_off(b"schema: '2.0'\\nsta"), cut_off(b"")
        (False, True, True)
    """
    return not (re.match(rb"(#.*\n|\s)*(schema|stages|<<<<<<<)", content) and content.endswith(b"\n"))
