"""An interpreter with all that the stages of a cell import; each begins as a copy of it. Not a stage.

Started by `make repro`, and ended by it: whoever starts it holds its standard input open. See `ehrgen.core.standby`.
"""

import gc
import os
import sys
from importlib import import_module
from pathlib import Path

from ehrgen.core import standby
from ehrgen.core.command import run
from ehrgen.metrics.table.suite import FAMILIES
from ehrgen.workflow.copies import serve


def load() -> None:
    """Import what the stages do, and leave the stages themselves out: each is run as if it were the first."""
    for name in standby.STAGES:
        import_module(f"pipeline.{name}")
    for name in FAMILIES:
        import_module(f"ehrgen.metrics.families.{name}")
    for name in standby.STAGES:
        del sys.modules[f"pipeline.{name}"]
    gc.collect()
    gc.freeze()  # what copies share stays shared


if __name__ == "__main__":
    run(lambda: serve(Path(os.environ[standby.ADDRESS]), load))
