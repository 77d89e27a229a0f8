"""All that params.yaml asks for, from patients to reports, cells of variant and seed side by side. Not a stage.

python -m pipeline.repro --jobs 2
"""

import argparse
import os
import subprocess
import sys
from datetime import UTC, datetime

from ehrgen.core import costs
from ehrgen.core.command import run
from ehrgen.core.params import PARAMS, load_yaml
from ehrgen.workflow.call import COSTS
from ehrgen.workflow.copies import standing_by
from ehrgen.workflow.mend import mend
from ehrgen.workflow.schedule import execute
from pipeline.resolve import checked


def stored(trainings: list[tuple[str, int]]) -> set[tuple[str, int]]:
    """Of these trainings, those in the store; asked in a process of its own, as only learning may load torch."""
    names = [part for variant, seed in trainings for part in (variant, str(seed))]
    command = [sys.executable, "-m", "pipeline.stored", *names]
    lines = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout.splitlines()
    return {(variant, int(seed)) for variant, seed in map(str.split, lines)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="cells that run side by side")
    jobs = max(parser.parse_args().jobs, 1)
    checked(load_yaml(PARAMS), str(PARAMS))
    for done in mend():
        print(done)
    costs.begin(COSTS / f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}.jsonl")
    execute(jobs, stored, standing_by)


if __name__ == "__main__":
    run(main)
