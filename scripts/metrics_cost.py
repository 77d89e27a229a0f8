"""What the metrics cost: seconds by family and peak memory, on simulated patients, with one thread.

    OMP_NUM_THREADS=1 python -m scripts.metrics_cost --patients 3000

Whatever metrics share is charged to the first one that asks for it, in the order of the suite.
"""

import argparse
import resource
import time
from pathlib import Path

import numpy as np

from ehrgen.data import simulator
from ehrgen.metrics.evaluation import Evidence, value
from ehrgen.metrics.suite import FAMILIES, METRICS, NotJudged, function

PARAMETERS = Path(__file__).resolve().parents[1] / "ehrgen" / "data" / "simulator.npz"
MEBIBYTE = 1024  # of the kilobytes that Linux counts


def measured(evidence: Evidence, show_all: bool) -> dict[str, float]:
    """Seconds of each family; with `show_all`, a printed line for each metric."""
    seconds = dict.fromkeys(FAMILIES, 0.0)
    for name, metric in METRICS.items():
        function(name)  # importing is not measuring
        start = time.perf_counter()
        try:
            found = f"{value(name, evidence):.4g}"
        except NotJudged as reason:
            found = str(reason)
        took = time.perf_counter() - start
        seconds[metric.family] += took
        if show_all:
            print(f"{name:26s} {took:6.2f} s  {found}")
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=3000, help="of each cohort: held-out, synthetic, training")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--all", action="store_true", help="a line for each metric")
    arguments = parser.parse_args()
    process = simulator.load(PARAMETERS)
    cohorts = [process.sample(arguments.patients, np.random.default_rng([arguments.seed, part])) for part in range(3)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    codes = len(set().union(*(cohort.diagnoses["code"] for cohort in cohorts)))
    print(f"{arguments.patients:,} patients of each cohort, {codes:,} codes")
    seconds = measured(Evidence(*cohorts, truth=process), arguments.all)
    for family, took in seconds.items():
        print(f"{family:14s} {took:6.2f} s")
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"{'all':14s} {sum(seconds.values()):6.2f} s, peak {after / MEBIBYTE:.0f} MiB, {before / MEBIBYTE:.0f} before"
    )


if __name__ == "__main__":
    main()
