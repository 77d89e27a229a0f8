"""Do codes, and pairs of codes within a visit, occur as often as in real patients?"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import sparse

from ehrgen.data.cohort import Cohort
from ehrgen.data.disclosure import SMALLEST_SHOWN
from ehrgen.metrics.cohorts import incidence
from ehrgen.metrics.statistics import agreement
from ehrgen.metrics.table.suite import NotJudged

ENOUGH = 20  # real visits with a code before its ratio means something
ODD_SMOOTHING = 5  # cases added to both counts; with one half, chance makes 20 to 1 of a code in 20 visits


def unigram_r2(real: Cohort, synthetic: Cohort) -> float:
    """Explained share of the variance of code frequencies (shares of visits with the code), up to 1.

    Good is the floor, below 0 is bad: worse than giving every code the same frequency. The commonest 50 codes drive
    it, so independent draws of codes and copies of training patients pass: read it beside `pair_r2`.
    """
    return agreement.r2(*_code_shares(real, synthetic), "code")


def unigram_spearman(real: Cohort, synthetic: Cohort) -> float:
    """Rank correlation of the code frequencies over the codes of either cohort, -1 to 1.

    Good is the floor, which is far from 1: most codes are rare, and rare codes change ranks from sample to sample. All
    codes count alike, so a generator that drops the tail is bad here while it passes `unigram_r2`; copies pass.
    """
    return agreement.spearman(*_code_shares(real, synthetic), "code")


def unigram_rmse(real: Cohort, synthetic: Cohort) -> float:
    """Root mean square difference of the code frequencies (shares of visits with the code), 0 to 1.

    Good is as small as the floor; a bad one is still a small number, as most codes are rare: compare, do not read it
    alone. A generator that emits many codes hardly ever lowers it by adding codes to the mean.
    """
    p, q = _code_shares(real, synthetic)
    return float(np.sqrt(((p - q) ** 2).mean()))


def unigram_log_r2(real: Cohort, synthetic: Cohort) -> float:
    """As `unigram_r2`, of the logarithm of the frequencies, so that all orders of magnitude count, up to 1.

    Good is the floor; codes that are missing or ten times too frequent make it bad however rare they are. Half a visit
    is added to every count, so that an absent code has a logarithm; copies pass.
    """
    p, q = (
        np.log((visits.sum(axis=0) + 0.5) / (visits.shape[0] + 1)) for visits in incidence.visit_codes(real, synthetic)
    )
    return agreement.r2(p, q, "code")


def unigram_js(real: Cohort, synthetic: Cohort) -> float:
    """Jensen-Shannon divergence of the two distributions of code tokens, in bits, 0 to 1.

    Good is as small as the floor, 1 is bad: no code in common. Two samples of one distribution show about
    (K - 1) (1/n + 1/m) / (8 ln 2) for K codes and n and m tokens, so it shrinks with the sample; copies pass.
    """
    return agreement.jensen_shannon(*incidence.code_counts(real, synthetic))


def odd_code_ratio(real: Cohort, synthetic: Cohort) -> float:
    """How many times too often, or too rarely, the oddest code comes, of codes in 20 or more real visits; 1 up.

    Good is the floor, about 2 at 3,000 simulated patients, as 20 visits are few; 7 is a code seven times too often, or
    one in seven, which hardly moves `unigram_r2`. Shares of visits, five visits added to each count, so that a missing
    code has a ratio; copies pass. The report names the codes.

    Raises:
        NotJudged: If no code is in 20 real visits of 11 patients: fewer patients would be told of.
    """
    ours, theirs = incidence.code_counts(real, synthetic)
    codes = np.union1d(incidence.distinct_codes(real), incidence.distinct_codes(synthetic))
    patients = incidence.patient_codes(real, codes).sum(axis=0)
    enough = (ours >= ENOUGH) & (patients >= SMALLEST_SHOWN)
    if not enough.any():
        raise NotJudged(f"no code is in {ENOUGH} visits of {SMALLEST_SHOWN} held-out patients; evaluate more patients")
    visits = [len(incidence.patient_of_visit(cohort)) for cohort in (real, synthetic)]
    ratio = agreement.smoothed_ratio(ours[enough], theirs[enough], ODD_SMOOTHING) * visits[0] / visits[1]
    return float(np.maximum(ratio, 1 / ratio).max())


def pair_r2(real: Cohort, synthetic: Cohort) -> float:
    """As `unigram_r2`, over unordered pairs of codes in one visit that either cohort has, up to 1.

    Good is the floor, about 0.79 at 3,000 simulated patients; below 0 in small samples, which cannot be judged.
    Independent codes are 0.1 worse, as frequent pairs of frequent codes drive it: read `pair_lift` too; copies pass.
    """
    p, q = (_pair_shares(visits) for visits in incidence.visit_codes(real, synthetic))
    residual, size = ((p - q).data ** 2).sum(), (p + q).nnz
    return agreement.r2_of_sums(residual, p.data.sum(), (p.data**2).sum(), size, "pair of codes")


def _code_shares(real: Cohort, synthetic: Cohort) -> tuple[Float[ndarray, " V"], Float[ndarray, " V"]]:
    """Share of visits with each code."""
    return tuple(visits.mean(axis=0) for visits in incidence.visit_codes(real, synthetic))


def _pair_shares(visits: sparse.csr_array) -> sparse.csr_array:
    """Share of visits with both codes, [V, V] above the diagonal."""
    return sparse.triu(visits.T @ visits, k=1, format="csr") / visits.shape[0]
