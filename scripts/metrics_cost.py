"""What the metrics cost: CPU seconds by family and peak memory, on simulated patients, with one thread.

    OMP_NUM_THREADS=1 python -m scripts.metrics_cost --patients 3000

Whatever metrics share is charged to the first one that asks for it, in the order of the suite. benchmarks/evaluation.py
runs this on saved cohorts, so that simulating them is no part of the peak.
"""

import argparse
import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ehrgen.core.files import write_json
from ehrgen.data.cohort import Cohort
from ehrgen.data.simulation import simulator
from ehrgen.metrics.evaluation import EvaluationData, value
from ehrgen.metrics.table.suite import FAMILIES, METRICS, NotJudged, function

PARAMETERS = Path(__file__).resolve().parents[1] / "ehrgen/data/simulation/simulator.npz"
PARTS = ("heldout", "synthetic", "train")
UNIT = 1 if sys.platform == "darwin" else 1024  # bytes in the unit of ru_maxrss


@dataclass
class Cost:
    """CPU seconds of a family, and the peak memory of the process by the end of its last metric, in GB (1e9 bytes)."""

    cpu: float = 0.0
    peak: float = 0.0


def measured(data: EvaluationData, show_all: bool) -> dict[str, Cost]:
    """The cost of each family; with `show_all`, a printed line for each metric."""
    costs = {family: Cost() for family in FAMILIES}
    for name, metric in METRICS.items():
        function(name)  # importing is not measuring
        start = time.process_time()
        try:
            found = f"{value(name, data):.4g}"
        except NotJudged as reason:
            found = str(reason)
        took = time.process_time() - start
        costs[metric.family] = Cost(costs[metric.family].cpu + took, peak())
        if show_all:
            print(f"{name:26s} {took:6.2f} s  {found}")
    return costs


def peak() -> float:
    """The most memory that this process has held so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=3000, help="of each cohort: held-out, synthetic, training")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cohorts", type=Path, help=f"folder of saved cohorts {', '.join(PARTS)}, in place of these")
    parser.add_argument("--all", action="store_true", help="a line for each metric")
    parser.add_argument("--json", type=Path, help="file for the cost of each family")
    asked = parser.parse_args()
    process = simulator.load(PARAMETERS)
    if asked.cohorts:
        cohorts = [Cohort.load(asked.cohorts / name) for name in PARTS]
    else:
        cohorts = [process.sample(asked.patients, np.random.default_rng([asked.seed, part])) for part in range(3)]
    before = peak()
    codes = len(set().union(*(cohort.diagnoses["code"] for cohort in cohorts)))
    print(f"{len(cohorts[0]):,} patients of each cohort, {codes:,} codes")
    costs = measured(EvaluationData(*cohorts, truth=process), asked.all)
    for family, cost in costs.items():
        print(f"{family:14s} {cost.cpu:6.2f} s")
    print(f"{'all':14s} {sum(cost.cpu for cost in costs.values()):6.2f} s, peak {peak():.2f} GB, {before:.2f} before")
    if asked.json:
        content = {family: asdict(cost) for family, cost in costs.items()}
        write_json(content, asked.json, indent=1)


if __name__ == "__main__":
    main()
