"""Where every CPU second of `make repro` goes, by what the stages of a run have written down of themselves.

    python -m benchmarks.whole_run [--of FOLDER] [--jobs 2]

Without `--of` the default run is made in a temporary clone, with a store of its own; with it, the last run of a project
is read that made all its trainings and took none from the store. A stage says what it took until its
own work began (Python's start and imports), for each part of its work, and in all (`ehrgen.core.costs`). What the run's
processes took beyond their stages is that of DVC, of shells and of waiting. Metrics share work: it is charged to the
first family that asks for it. Training is all that `train` does once loaded, attribution and probes included.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks import measure
from ehrgen.metrics.table.suite import FAMILIES
from ehrgen.workflow.call import COSTS
from tests.support.sandbox import Sandbox

RUN, READY = "repro", "standby"
CELL = ("train", "sample", "evaluate")
REPORTS = ("compare", "conclude", "report", "headline")
OUTSIDE, MINUTES = 35, 15
Line = dict[str, Any]


def lines_of(folder: Path) -> list[Line]:
    """What the stages of a project's last whole run have said.

    Raises:
        ValueError: If no run made all its trainings.
    """
    for record in sorted((folder / COSTS).glob("*.jsonl"), reverse=True):
        lines = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
        if is_whole(lines):
            return lines
    raise ValueError(f"{folder / COSTS}: no whole run; `make repro` from an empty store leaves one")


def is_whole(lines: Iterable[Line]) -> bool:
    """Whether a run came to its end and made all its trainings."""
    lines = list(lines)
    cells = [sorted(line["stage"].partition("@")[2] for line in lines if kind(line) == name) for name in CELL]
    trained = [line for line in lines if kind(line) == "train" and "epochs" in line["parts"]]
    ended = [line for line in lines if line["stage"] == RUN]
    return len(ended) == 1 and len(trained) > 0 and all(len(cell) == len(trained) for cell in cells)


def kind(line: Line) -> str:
    """`train` of `train@multitask-0`."""
    return line["stage"].partition("@")[0]


def where_it_went(lines: Iterable[Line]) -> dict[str, dict[str, float]]:
    """CPU seconds of each kind of work and their share of the whole.

    Example:
        >>> train = {"stage": "train@a-0", "loading": 1.0, "parts": {"epochs": 5.0, "probes": 1.0}, "cpu": 8.0}
        >>> run = {"stage": "repro", "loading": 0.5, "parts": {}, "cpu": 1.0, "below": 9.0}
        >>> table = where_it_went([train, run])
        >>> {name: row["cpu"] for name, row in table.items() if row["cpu"]}
        {'training': 6.0, 'attribution and probes': 1.0, 'imports': 1.5, 'DVC': 1.0, 'planning and watching': 0.5, \
'all': 10.0}
    """
    lines = list(lines)
    run = next(line for line in lines if line["stage"] == RUN)
    stages = [line for line in lines if line is not run]

    def parts(name: str, *names: str) -> float:
        return sum(line["parts"].get(part, 0.0) for line in stages if kind(line) == name for part in names)

    def rest(*names: str) -> float:
        work = [line["cpu"] - line["loading"] for line in stages if kind(line) in names]
        return sum(work) - sum(sum(line["parts"].values()) for line in stages if kind(line) in names)

    ready = sum(line["cpu"] - line["loading"] for line in stages if line["stage"] == READY)
    known = {*CELL, *REPORTS, "anchor", READY}
    seconds = {
        "training": parts("train", "epochs") + rest("train"),
        "attribution and probes": parts("train", "attribution", "probes"),
        "imports": sum(line["loading"] for line in lines) + ready,
        "DVC": run["below"] - sum(line["cpu"] for line in stages),
        "planning and watching": run["cpu"] - run["loading"],
        "preparing patients": rest(*{kind(line) for line in stages} - known),
        "sampling": parts("sample", "sampling"),
        "likelihoods of real patients": parts("sample", "likelihoods"),
        "reading and writing samples": rest("sample"),
        **{f"metrics: {family}": parts("evaluate", family) for family in FAMILIES},
        "reading what is measured, portraits": rest("evaluate"),
        "anchors": parts("anchor", "jackknife", *FAMILIES) + rest("anchor"),
        "reports": rest(*REPORTS),
    }
    whole = run["cpu"] + run["below"]
    return {name: {"cpu": took, "share": took / whole} for name, took in (seconds | {"all": whole}).items()}


def made(jobs: int) -> list[Line]:
    """The default run, from a fresh clone and an empty store."""
    with tempfile.TemporaryDirectory(prefix="ehrgen-run-") as holder:
        nothing = Path(holder) / "nothing.yaml"
        nothing.write_text("{}\n", encoding="utf-8")
        sandbox = Sandbox.make(Path(holder) / "ehrgen", nothing)
        sandbox.run(sys.executable, "-m", "pipeline.repro", "--jobs", str(jobs), stream=True)
        return lines_of(sandbox.folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--of", type=Path, help="a project whose last run is read")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="cells that run side by side")
    asked = parser.parse_args()
    lines = made(asked.jobs) if asked.of is None else lines_of(asked.of)
    table = where_it_went(lines)
    for name, row in table.items():
        print(f"{name:36} {row['cpu']:8.1f} s {row['share']:6.1%}")
    minutes = next(line["seconds"] for line in lines if line["stage"] == RUN) / 60
    outside = 100 * (1 - table["training"]["share"] - table["attribution and probes"]["share"])
    goals = [
        measure.goal("share outside training", outside, OUTSIDE, "%"),
        measure.goal(f"the default run, {asked.jobs} cells at a time", minutes, MINUTES, "min"),
    ]
    measure.save("whole_run", {"rounds": 1, "of": table, "goals": goals}, threads=asked.jobs)


if __name__ == "__main__":
    main()
