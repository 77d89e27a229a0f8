"""What each stage of a run costs: a line of JSON for every one, where a run asks for it by naming a file.

All numbers are seconds of CPU time:

stage    as DVC calls it; of what is none the module, such as `repro`, which runs them all
loading  until its own work begins: Python's start and imports
parts    of its work, by name; what is left of `cpu` has no name
cpu      of its process in all
below    of the processes that it has waited for: of `repro` all but itself
seconds  of the clock, from loaded to the end
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ehrgen.core.orphans import STAGE

RECORD = "EHRGEN_COSTS"
"""Names the file, absolutely, that stages add their line to."""

_spent: dict[str, float] = {}
_inner: list[float] = []


@contextmanager
def part(name: str) -> Iterator[None]:
    """Charge the CPU time within to a part of the stage; a part inside another one is not charged twice."""
    began = time.process_time()
    _inner.append(0.0)
    try:
        yield
    finally:
        took = time.process_time() - began
        _spent[name] = _spent.get(name, 0.0) + took - _inner.pop()
        if _inner:
            _inner[-1] += took


@contextmanager
def recorded() -> Iterator[None]:
    """The whole work of a stage; its line is added at its end, unless it fails or nobody asks."""
    loading, began = time.process_time(), time.monotonic()
    _spent.clear()
    yield
    if RECORD not in os.environ:
        return
    used = os.times()
    line = {
        "stage": os.environ.get(STAGE, Path(sys.argv[0]).stem),
        "loading": round(loading, 3),
        "parts": {name: round(seconds, 3) for name, seconds in _spent.items()},
        "cpu": round(used.user + used.system, 3),
        "below": round(used.children_user + used.children_system, 3),
        "seconds": round(time.monotonic() - began, 3),
    }
    with Path(os.environ[RECORD]).open("a", encoding="utf-8") as record:
        record.write(json.dumps(line) + "\n")


def begin(record: Path) -> None:
    """Empty the file, and ask this process and all that it starts for their lines."""
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text("", encoding="utf-8")
    os.environ[RECORD] = str(record.resolve())
