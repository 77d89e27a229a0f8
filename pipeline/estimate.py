"""How long `make repro` will take: the stages it would run, at the seconds each took when last measured.

Not a stage: `make repro` runs it first, with the number of cells it runs at a time (default 1). A training counts as
long as the epochs in the manifests took.
"""

import json
import subprocess
import sys
from pathlib import Path
from statistics import fmean

from dvc.repo import Repo
from networkx import ancestors

from ehrgen.core.params import load_yaml

# One core, default params.yaml; most of what a small stage takes is its start.
SECONDS, OTHER, START = {"train": 50, "sample": 16, "evaluate": 18, "ingest": 5, "anchor": 75}, 4, 12


def main() -> None:
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    if subprocess.run([sys.executable, "-m", "dvc", "repro", "--quiet", "resolve"]).returncode:
        sys.exit(1)  # the stage has said why
    with Repo() as repo:
        stages = {stage.addressing: stage for stage in repo.index.graph}
        changed = [stages[name] for name in repo.status() if name in stages]
        todo = set(changed).union(*(ancestors(repo.index.graph, stage) for stage in changed))
    kinds = [stage.addressing.partition("@")[0] for stage in todo]
    if manifests := [json.loads(path.read_text()) for path in Path("reports/manifests").glob("*/*.json")]:
        epoch = fmean(one["seconds"] / one["train"]["epochs"] for one in manifests)
        SECONDS["train"] = START + epoch * load_yaml(Path("params.yaml"))["train"]["epochs"]
    minutes = sum(SECONDS.get(kind, OTHER) for kind in kinds) / 60 / jobs
    print(f"{len(todo)} of {len(stages)} stages to run, {kinds.count('train')} of them trainings: ", end="")
    print(f"about {minutes:.0f} min, {jobs} at a time, at the speed last measured")


if __name__ == "__main__":
    main()
