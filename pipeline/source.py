"""One file of patients -> its size and hash in data/source, so that ingest reruns when the file changes."""

import sys
from pathlib import Path

from ehrgen.core.command import run
from ehrgen.core.params import ParamsError
from ehrgen.data.readers.source import record


def main() -> None:
    if len(sys.argv) != 2:
        raise ParamsError(f"usage: python -m pipeline.source FILE; got {' '.join(sys.argv[1:]) or 'nothing'}")
    record(sys.argv[1], Path("data/source"))


if __name__ == "__main__":
    run(main)
