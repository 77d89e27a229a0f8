"""What DVC adds to the stages: the tiny project of `make smoke`, by `dvc repro` and by the same commands by hand.

    python -m benchmarks.pipeline [--rounds 3]

Each round runs all stages twice, in a temporary clone each, because a finished training would be taken from the store:
once through DVC, once by hand in an order that it could take. Overhead is the difference over the number of stages.
Then, in the clone that DVC filled, `dvc repro` with nothing to do and `dvc status`. Seconds are those of the clock.
"""

import argparse
import shlex
import tempfile
from collections.abc import Iterable
from pathlib import Path
from statistics import median

from dvc.repo import Repo
from networkx import topological_sort

from benchmarks import measure, usage
from benchmarks.usage import Usage
from tests.support.sandbox import Sandbox, environment

REPEATS = 3
"""Of the commands that have nothing to do, in each round."""


def commands(folder: Path) -> list[list[str]]:
    """The commands of all stages of a project, each after those that it depends on."""
    with Repo(folder) as repo:
        order = topological_sort(repo.index.graph.reverse(copy=False))
        return [shlex.split(stage.cmd) for stage in order]


def took(sandbox: Sandbox, command: list[str]) -> Usage:
    """What a command took in the sandbox, as a user would type it there."""
    return usage.of(command, sandbox.folder, environment(sandbox.folder))


def by_dvc(sandbox: Sandbox) -> Usage:
    """What all stages took through DVC."""
    return took(sandbox, ["dvc", "repro"])


def by_hand(sandbox: Sandbox) -> Usage:
    """What all stages took without DVC, one after the other."""
    of = [took(sandbox, command) for command in commands(sandbox.folder)]
    return Usage(sum(one.seconds for one in of), sum(one.cpu for one in of), max(one.peak for one in of))


def overhead(through: Iterable[Usage], alone: Iterable[Usage], stages: int) -> dict[str, float]:
    """What DVC adds to a stage, from the difference in each round: seconds (median, least, most) and CPU time.

    Example:
        >>> overhead([Usage(12.0, 11.0, 1.0)], [Usage(10.0, 10.0, 1.0)], 4)
        {'seconds': 0.5, 'least': 0.5, 'most': 0.5, 'cpu': 0.25}
    """
    pairs = list(zip(through, alone, strict=True))
    seconds = [(one.seconds - other.seconds) / stages for one, other in pairs]
    cpu = median((one.cpu - other.cpu) / stages for one, other in pairs)
    return {"seconds": median(seconds), "least": min(seconds), "most": max(seconds), "cpu": cpu}


def measured(rounds: int) -> tuple[dict[str, dict[str, float]], int]:
    """The table, and the number of stages."""
    ways = {"hand": by_hand, "dvc": by_dvc}
    found: dict[str, list[Usage]] = {way: [] for way in ways}
    idle, status = [], []
    for number in range(rounds):
        with tempfile.TemporaryDirectory(prefix="ehrgen-pipeline-") as holder:
            sandboxes = {way: Sandbox.make(Path(holder) / way / "ehrgen") for way in ways}
            stages = len(commands(sandboxes["dvc"].folder))
            for way in sorted(ways, reverse=bool(number % 2)):
                found[way].append(ways[way](sandboxes[way]))
            idle += [by_dvc(sandboxes["dvc"]) for _ in range(REPEATS)]
            status += [took(sandboxes["dvc"], ["dvc", "status"]) for _ in range(REPEATS)]
    table = {
        f"all {stages} stages by hand": usage.row(found["hand"]),
        f"all {stages} stages by dvc repro": usage.row(found["dvc"]),
        "overhead a stage": overhead(found["dvc"], found["hand"], stages),
        "dvc repro, nothing to do": usage.row(idle),
        "dvc status": usage.row(status),
    }
    return table, stages


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    table, stages = measured(rounds)
    for name, row in table.items():
        print(f"{name:34} {row['seconds']:6.2f} s ({row['least']:.2f} to {row['most']:.2f})")
    measure.save("pipeline", {"rounds": rounds, "stages": stages, "of": table}, threads=1)


if __name__ == "__main__":
    main()
