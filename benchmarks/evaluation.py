"""What all metrics of one synthetic cohort cost, from 1,000 to 50,000 patients of each kind.

    python -m benchmarks.evaluation [--rounds 3] [--patients 1000 5000 10000 50000]

Held-out, synthetic and training patients are simulated and saved beforehand; a process of its own, with one thread,
then loads them and computes the suite (`scripts.metrics_cost`): its seconds from start to end and its peak memory.
Beside it CPU seconds of the two halves of the suite, likeness and then uses and risks, and the peak by the end of each.
What metrics share is charged to the first that asks for it. The largest size runs once.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks import measure, usage
from benchmarks.usage import Usage
from ehrgen.data.simulation import simulator

ROOT = Path(__file__).resolve().parents[1]
SIZES = (1_000, 5_000, 10_000, 50_000)
LATER = {"detection", "utility", "privacy", "likelihood"}
HALVES = ("likeness", "uses and risks")
Families = dict[str, dict[str, float]]


def write(patients: int, folder: Path) -> None:
    """Cohorts of that many simulated patients, as `metrics_cost --cohorts` reads them."""
    process = simulator.load(ROOT / "ehrgen/data/simulation/simulator.npz")
    for number, name in enumerate(("heldout", "synthetic", "train")):
        process.sample(patients, np.random.default_rng([0, number])).save(folder / name)


def evaluated(folder: Path) -> tuple[Usage, Families]:
    """What the process took, and CPU seconds and peak of each family in it."""
    report = folder / "cost.json"
    command = [sys.executable, "-m", "scripts.metrics_cost", "--cohorts", str(folder), "--json", str(report)]
    took = usage.of(command, ROOT, measure.quiet())
    return took, json.loads(report.read_text(encoding="utf-8"))


def halves(families: Families) -> dict[str, dict[str, float]]:
    """CPU seconds of each half of the suite, and the process's peak in GB by its end.

    Example:
        >>> found = halves({"fidelity": {"cpu": 1.0, "peak": 0.5}, "privacy": {"cpu": 2.0, "peak": 0.75}})
        >>> found["likeness"], found["uses and risks"]
        ({'cpu': 1.0, 'peak': 0.5}, {'cpu': 2.0, 'peak': 0.75})
    """
    parts = zip(HALVES, (False, True), strict=True)
    own = {half: [cost for name, cost in families.items() if (name in LATER) is later] for half, later in parts}
    return {
        half: {"cpu": sum(one["cpu"] for one in costs), "peak": max(one["peak"] for one in costs)}
        for half, costs in own.items()
    }


def measured(patients: int, rounds: int) -> dict[str, dict[str, float]]:
    """A row for all metrics at this size, and one for each half."""
    with tempfile.TemporaryDirectory(prefix="ehrgen-evaluation-") as holder:
        write(patients, Path(holder))
        found = [evaluated(Path(holder)) for _ in range(rounds)]
    parts = [halves(families) for _, families in found]
    rows = {f"{patients:,} patients": usage.row(took for took, _ in found)}
    for half in HALVES:
        cpu, peak = ([part[half][what] for part in parts] for what in ("cpu", "peak"))
        rows[f"{patients:,} patients, {half}"] = {"cpu": median(cpu), "peak": max(peak)}
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--patients", type=int, nargs="+", default=SIZES)
    arguments = parser.parse_args()
    table = {}
    for size in sorted(arguments.patients):
        table |= measured(size, 1 if size == max(SIZES) else arguments.rounds)
        whole = table[f"{size:,} patients"]
        print(f"{size:,} patients: {whole['seconds']:.1f} s, {whole['peak']:.2f} GB", flush=True)
    measure.save("evaluation", {"rounds": arguments.rounds, "of": table}, threads=1)


if __name__ == "__main__":
    main()
