"""Is the resolution right? The jackknife's standard error against how far the floor really moves -> docs/margins.md.

    python -m scripts.margins_check [--draws 40] [--patients 3000] [--jobs 2]

Every draw simulates held-out, other and training patients anew, takes every metric of the floor and its standard error
by `ehrgen.metrics.jackknife`. The standard deviation of a metric over draws is what the jackknife estimates from one.
"""

import argparse
import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import stats

from ehrgen.core.files import write_text
from ehrgen.data.simulation import simulator
from ehrgen.metrics import jackknife
from ehrgen.metrics.evaluation import EvaluationData, evaluate
from ehrgen.metrics.table.suite import METRICS

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "margins.md"
CONFIDENCE = 0.95
HEAD = """\
# Is the resolution of the metrics stated right?

The resolution of a metric is how far it moves between two samples of real patients: the standard error of the floor.
It is estimated from one cohort, by the delete-a-group jackknife. This page checks the estimate against {draws} cohorts
that were simulated anew. Written by `python -m scripts.margins_check --draws {draws} --patients {patients}`.

- *spread*: the standard deviation of the floor over the {draws} cohorts, which is the truth.
- *jackknife*: the root mean square of the {draws} estimates.
- *ratio*: the second over the first, with its {confidence:.0%} interval. 1 is right. Above 1 a metric tells more
  finely than stated, below 1 more coarsely.
- *lowest* and *highest*: the 5th and 95th percentile of single estimates, over the spread.

A metric is left out if its floor has no value in some cohort, or the same value in all. The margin of a verdict does
not depend on the resolution ([verdicts.md](verdicts.md)).
"""

Draw = tuple[dict[str, float], dict[str, float]]
"""Of one cohort: the floor's metrics, and their standard errors."""


class Comparison(NamedTuple):
    """Of one metric: spread over draws and jackknife in its unit, their ratio with its interval, single ratios."""

    spread: float
    jackknife: float
    ratio: float
    low: float
    high: float
    lowest: float
    highest: float


def drawn(patients: int, number: int) -> Draw:
    """The floor of one simulated cohort."""
    process = simulator.load(ROOT / "ehrgen/data/simulation/simulator.npz")
    everybody = process.sample(3 * patients, np.random.default_rng([4, number]))
    parts = np.array_split(everybody.patients["patient_id"].to_numpy(), 3)
    heldout, other, train = (everybody.take(ids) for ids in parts)
    floor = EvaluationData(heldout, other, train, truth=process)
    return evaluate(floor).metrics, jackknife.standard_errors(floor, seed=number)


def comparison(values: Sequence[float], errors: Sequence[float]) -> Comparison:
    """Standard errors of a metric against the spread of its values over as many draws.

    The interval of the ratio takes normal values, draws x (groups - 1) degrees of freedom for the mean square of the
    errors, and draws - 1 for the spread: an F distribution.

    Example:
        >>> found = comparison([1.0, 2.0, 3.0], [2.0, 2.0, 2.0])
        >>> found.spread, found.ratio
        (1.0, 2.0)
    """
    draws = len(values)
    spread = float(np.std(values, ddof=1))
    mean = math.sqrt(np.mean(np.square(errors)))
    tails = stats.f.ppf([0.5 + CONFIDENCE / 2, 0.5 - CONFIDENCE / 2], draws * (jackknife.GROUPS - 1), draws - 1)
    low, high = mean / spread / np.sqrt(tails)
    lowest, highest = np.quantile(errors, [0.05, 0.95]) / spread
    return Comparison(spread, mean, mean / spread, *map(float, (low, high, lowest, highest)))


def comparisons(draws: Sequence[Draw]) -> dict[str, Comparison]:
    """Of every metric that has a value and an error in all draws, and does not always have the same value."""
    found = {}
    for name in METRICS:
        pairs = [(values[name], errors[name]) for values, errors in draws if name in values and name in errors]
        if len(pairs) == len(draws) and len({value for value, _ in pairs}) > 1:
            found[name] = comparison(*zip(*pairs, strict=True))
    return found


def page(found: Mapping[str, Comparison], draws: int, patients: int) -> str:
    """The table, the ratio's distribution over metrics, and which metrics have 1 outside their interval."""
    low, middle, high = np.quantile([one.ratio for one in found.values()], [0.25, 0.5, 0.75])
    fine = ", ".join(name for name, one in found.items() if one.high < 1) or "none"
    coarse = ", ".join(name for name, one in found.items() if one.low > 1) or "none"
    lines = [
        HEAD.format(draws=draws, patients=patients, confidence=CONFIDENCE),
        f"The median ratio of {len(found)} metrics is {middle:.2f} (quartiles {low:.2f} and {high:.2f}). By chance "
        f"alone {(1 - CONFIDENCE) * len(found):.1f} intervals would miss 1.\n",
        f"- Stated too fine: {fine}.\n- Stated too coarse: {coarse}.\n",
    ]
    lines.append("| metric | spread | jackknife | ratio | lowest | highest |\n|:--|--:|--:|--:|--:|--:|")
    for name, one in found.items():
        ratio = f"{one.ratio:.2f} ({one.low:.2f} to {one.high:.2f})"
        lines.append(
            f"| {name} | {one.spread:.3g} | {one.jackknife:.3g} | {ratio} | {one.lowest:.2f} | {one.highest:.2f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=40)
    parser.add_argument("--patients", type=int, default=3000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # of the processes that are started
    with ProcessPoolExecutor(asked.jobs, mp_context=get_context("spawn")) as pool:
        draws = []
        for one in pool.map(partial(drawn, asked.patients), range(asked.draws)):
            draws.append(one)
            print(f"{len(draws)} of {asked.draws} draws", flush=True)
    found = comparisons(draws)
    write_text(page(found, asked.draws, asked.patients), PAGE)
    print(f"wrote {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
