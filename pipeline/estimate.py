"""How long `dvc repro` will take: the stages it would run, at the seconds each took when last measured.

Not a stage: `make repro` runs it first. Trainings count as their manifests say, so far as there are any.
"""

import json
import subprocess
import sys
from pathlib import Path
from statistics import fmean

from dvc.repo import Repo
from networkx import ancestors

# Two cores, default params.yaml; a stage's start-up is most of what the small ones take.
SECONDS = {"ingest": 10, "train": 30, "sample": 12, "evaluate": 6, "anchor": 20}
OTHER = 4


def main() -> None:
    command = [sys.executable, "-m", "dvc", "repro", "--quiet", "resolve"]
    if subprocess.run(command).returncode:
        sys.exit(1)  # the stage has said why
    with Repo() as repo:
        stages = {stage.addressing: stage for stage in repo.index.graph}
        changed = [stages[name] for name in repo.status() if name in stages]
        todo = set(changed).union(*(ancestors(repo.index.graph, stage) for stage in changed))
    kinds = [stage.addressing.partition("@")[0] for stage in todo]
    manifests = [json.loads(path.read_text()) for path in Path("reports/manifests").glob("*/*.json")]
    measured = {"train": fmean(one["seconds"] for one in manifests)} if manifests else {}
    seconds = sum((SECONDS | measured).get(kind, OTHER) for kind in kinds)
    print(f"{len(todo)} of {len(stages)} stages to run, {kinds.count('train')} of them trainings")
    print(f"about {seconds / 60:.0f} min at most, as measured on two cores for the default parameters")


if __name__ == "__main__":
    main()
