"""`make smoke`: every stage on a tiny cohort, in a temporary copy, so that no result of yours is touched."""

import sys
import tempfile
import time
from pathlib import Path

from tests.support.sandbox import Sandbox


def main() -> None:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ehrgen-smoke-") as holder:
        sandbox = Sandbox.make(Path(holder) / "ehrgen")
        try:
            sandbox.run("dvc", "repro", stream=True)
        except RuntimeError as error:
            sys.exit(f"smoke failed: {error}")
        print((sandbox.folder / "reports" / "ablation.md").read_text())
        print(sandbox.dvc("metrics", "show", "--md"))
    print(f"smoke: every stage ran, in {time.monotonic() - started:.0f} s; the numbers above mean nothing")


if __name__ == "__main__":
    main()
