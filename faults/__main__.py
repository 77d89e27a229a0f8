"""The campaign: python -m faults [--seed 0] [--only GROUP ...] [--write]; see docs/faults.md.

Stages of a finished tiny project are killed, stopped, starved of disk, and given damaged files, parameters and sources;
whole runs are killed and their dvc.lock damaged. Each must end with the right result, or say in one line why not.
"""

import argparse
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from ehrgen.core.files import write_text
from faults import damage, disk, kills, parameters, readers, stages, whole
from faults.project import Project
from faults.tally import Fault, fatal, table
from tests.support.sandbox import ROOT

PAGE = ROOT / "docs/faults.md"
TEXT = """\
# What becomes of faults

This page counts what becomes of faults that are made on purpose: nothing wrong may be taken for right. The cohort is
the tiny one of `make smoke`. Written by `make faults`: {minutes:.0f} minutes, {date}, commit {commit}, {machine}.

{table}

- *survived*: the result is right, at once or when the stage runs again.
- *one line*: refused, with the file and what to do.
- *seen by DVC*: only a hash can tell that something is wrong, such as one bit turned or a file of another variant. The
  stage alone takes it, but DVC compares hashes before each stage, and names each of these files. *One bit, the whole
  run* tries what comes of that.

The campaign fails on a traceback, on a failure without a word, and on a wrong result taken for right.

Stages are killed by SIGKILL before their file operations, which Python's audit hook counts, and at random moments. They
are stopped by SIGINT at random moments, from the first one of a fresh process on. The full disk is a tmpfs with 0 to
256 KB left. Only root may mount it; elsewhere that part is left out and says so. Parts run alone too: see
`faults/__main__.py`.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", help="parts of the campaign")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    asked = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ehrgen-faults-") as holder:
        project = Project.make(Path(holder))
        stages.load(list(project.stages))
        faults: list[Fault] = []
        for name, part in parts(project, Path(holder), random.Random(asked.seed)).items():
            if asked.only is None or name in asked.only:
                faults += shown(name, part())
    print(table(faults))
    if asked.write:
        write_text(page(faults, time.monotonic() - began), PAGE)
    if bad := fatal(faults):
        sys.exit(f"{len(bad)} of {len(faults)} faults end as none may")


def parts(project: Project, holder: Path, rng: random.Random) -> dict[str, Callable[[], Iterator[Fault]]]:
    """The parts of the campaign, by name."""
    work = holder / "work"
    return {
        "operations": lambda: kills.at_operations(project, work),
        "moments": lambda: kills.at_moments(project, work, rng),
        "disk": lambda: disk.on_bad_disks(project, holder),
        "damage": lambda: damage.damaged(project, work, rng),
        "store": lambda: whole.store(project, work, rng),
        "parameters": lambda: parameters.impossible(project, work, rng),
        "readers": lambda: readers.fuzzed(project, work, holder, rng),
        "locks": lambda: whole.locks(project, holder),
        "files of dvc": lambda: whole.files_of_dvc(project, holder),
        "orphans": lambda: whole.orphans(project, holder),
        "dvc": lambda: whole.through_dvc(project, holder, rng),
        "runs": lambda: whole.runs(project, holder, rng),
    }


def shown(name: str, of: Iterator[Fault]) -> list[Fault]:
    """The faults of a part, those that fail the campaign printed as they come."""
    began, faults = time.monotonic(), []
    for fault in of:
        faults.append(fault)
        if fatal([fault]):
            print(f"{fault.outcome}: {fault.group}: {fault.what}: {' '.join(fault.said.split())[-600:]}", flush=True)
    print(f"{name}: {len(faults)} faults, {time.monotonic() - began:.0f} s", flush=True)
    return faults


def page(faults: list[Fault], seconds: float) -> str:
    """The page of docs."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout
    return TEXT.format(
        minutes=seconds / 60,
        date=f"{datetime.now(UTC):%d %B %Y}",
        commit=commit.strip(),
        machine=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        table=table(faults),
    )


if __name__ == "__main__":
    main()
