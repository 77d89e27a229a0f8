"""How far are first visits from the process that the training patients were drawn from?

Only a simulated cohort has an exact P(code | sex, age bracket). Against it no real sample is needed, and the noise of
the synthetic one can be taken out: a perfect generator has 1 on average, whatever the number of patients.

Axes: V codes.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ehrgen.data import simulator
from ehrgen.data.cohort import AGE_BRACKETS, SEXES, Cohort
from ehrgen.data.settings import CohortSettings
from ehrgen.data.simulator import Simulator
from ehrgen.metrics import incidence
from ehrgen.metrics.brackets import bracket_of, sex_of
from ehrgen.metrics.memory import remembered
from ehrgen.metrics.suite import NotJudged

FEWEST = 20  # patients of a sex and age bracket, for its noise to be known


@dataclass(frozen=True)
class Distance:
    """Sums of squares over codes, averaged over the patients of the brackets with enough of them.

    Attributes:
        error: Of the synthetic frequencies around the exact ones, less their sampling noise.
        frequencies: Of the exact frequencies around their mean.
        conditioning: Of the exact frequencies of a sex and age bracket around those of all patients.
    """

    error: float
    frequencies: float
    conditioning: float


def known(source: CohortSettings) -> Simulator | None:
    """The process that the cohort of these settings comes from; None for real patients, whose truth nobody knows."""
    return simulator.load(Path(source.path)) if source.source == "simulated" else None


def truth_r2(synthetic: Cohort, truth: Simulator) -> float:
    """Explained share of the variance of the exact code probabilities, within sex and age brackets, about 1 at best.

    Good is 1, which fresh draws of the process reach at any sample size; below 0 is bad. It sees single codes of first
    visits alone, so codes drawn independently within the bracket pass, and copies pass.
    """
    found = distance(synthetic, truth)
    return 1 - found.error / found.frequencies


def truth_conditioning_r2(synthetic: Cohort, truth: Simulator) -> float:
    """Explained share of what sex and age do to the exact code probabilities, about 1 at best.

    Good is 1; at 0 the codes come as if sex and age were unknown, below 0 worse than that. Caricatures are on the
    wrong side too, as the error is squared; copies pass.
    """
    found = distance(synthetic, truth)
    return 1 - found.error / found.conditioning


@remembered
def distance(synthetic: Cohort, truth: Simulator) -> Distance:
    """The three sums of squares.

    Raises:
        NotJudged: If no sex and age bracket has enough patients.
    """
    codes = np.union1d(truth.codes.astype(object), incidence.distinct_codes(synthetic))
    column = pd.Index(codes).get_indexer(truth.codes.astype(object))
    visits, sex, bracket = incidence.first_visit_codes(synthetic, codes), sex_of(synthetic), bracket_of(synthetic)
    marginal = _spread_out(truth.code_probability(), column, len(codes))
    patients, sums = [], []
    for which, letter in enumerate(SEXES):
        for number in range(len(AGE_BRACKETS)):
            rows = np.flatnonzero((sex == which) & (bracket == number))
            if len(rows) < FEWEST:
                continue
            q = visits[rows].mean(axis=0)
            p = _spread_out(truth.code_probability(letter, number), column, len(codes))
            noise = (q * (1 - q)).sum() / (len(rows) - 1)
            patients.append(len(rows))
            sums.append([((q - p) ** 2).sum() - noise, ((p - p.mean()) ** 2).sum(), ((p - marginal) ** 2).sum()])
    if not patients:
        raise NotJudged(f"no sex and age bracket has {FEWEST} synthetic patients; evaluate more patients")
    return Distance(*np.average(sums, axis=0, weights=patients).tolist())


def _spread_out(values: np.ndarray, column: np.ndarray, size: int) -> np.ndarray:
    out = np.zeros(size)
    out[column] = values
    return out
