"""How far are first visits from the process that the training patients were drawn from?

Only a simulated cohort has an exact P(code | sex, age bracket). Against it no real sample is needed, and the noise of
the synthetic one can be taken out: a perfect generator has 1 on average, whatever the number of patients.

Axes: V codes.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from ehrgen.data.cohort import AGE_BRACKETS, SEXES, Cohort
from ehrgen.data.simulation.simulator import Simulator
from ehrgen.metrics.cohorts import incidence
from ehrgen.metrics.cohorts.cache import remembered
from ehrgen.metrics.cohorts.subgroups import SUBGROUPS, subgroup_of
from ehrgen.metrics.table.suite import NotJudged

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


def truth_r2(synthetic: Cohort, truth: Simulator) -> float:
    """Explained share of the variance of the exact code probabilities, within sex and age brackets, about 1 at best.

    Good is 1, which fresh draws of the process reach at any sample size; below 0 is bad. It sees single codes of first
    visits alone, so codes drawn independently within the bracket pass, and copies pass.
    """
    squares = distance(synthetic, truth)
    return 1 - squares.error / squares.frequencies


def truth_conditioning_r2(synthetic: Cohort, truth: Simulator) -> float:
    """Explained share of what sex and age do to the exact code probabilities, about 1 at best.

    Good is 1; at 0 the codes come as if sex and age were unknown, below 0 worse than that. Caricatures are on the
    wrong side too, as the error is squared; copies pass.
    """
    squares = distance(synthetic, truth)
    return 1 - squares.error / squares.conditioning


@remembered
def distance(synthetic: Cohort, truth: Simulator) -> Distance:
    """The three sums of squares.

    Raises:
        NotJudged: If no sex and age bracket has enough patients.
    """
    codes = np.union1d(truth.codes.astype(object), incidence.distinct_codes(synthetic))
    exact = np.zeros((SUBGROUPS + 1, len(codes)))
    exact[:, pd.Index(codes).get_indexer(truth.codes.astype(object))] = _exact(truth)
    visits, subgroup = incidence.first_visit_codes(synthetic, codes), subgroup_of(synthetic)
    size = np.bincount(subgroup, minlength=SUBGROUPS)
    sums = []
    for number in np.flatnonzero(size >= FEWEST):
        p, q = exact[number], visits[subgroup == number].mean(axis=0)
        noise = (q * (1 - q)).sum() / (size[number] - 1)
        sums.append([((q - p) ** 2).sum() - noise, ((p - p.mean()) ** 2).sum(), ((p - exact[-1]) ** 2).sum()])
    if not sums:
        raise NotJudged(f"no sex and age bracket has {FEWEST} synthetic patients; evaluate more patients")
    return Distance(*np.average(sums, axis=0, weights=size[size >= FEWEST]).tolist())


@remembered
def _exact(truth: Simulator) -> Float[ndarray, "rows V"]:
    """P(code) of each of `subgroups`, then of all patients."""
    each = [truth.code_probability(sex, bracket) for sex in SEXES for bracket in range(len(AGE_BRACKETS))]
    return np.stack([*each, truth.code_probability()])
