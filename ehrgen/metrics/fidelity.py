"""Do codes, pairs of codes and lengths occur as often as in real patients?"""

import numpy as np
from jaxtyping import Int
from numpy import ndarray
from scipy import sparse

from ehrgen.data.cohort import Cohort
from ehrgen.metrics import incidence
from ehrgen.metrics.suite import NotJudged


def unigram_r2(real: Cohort, synthetic: Cohort) -> float:
    """Explained share of the variance of code frequencies (shares of visits with the code), up to 1.

    The commonest 50 codes drive it, so independent draws of codes pass: read it beside `pair_r2`.
    """
    p, q = (visits.mean(axis=0) for visits in incidence.visit_codes(real, synthetic))
    return _r2(((p - q) ** 2).sum(), p, len(p), "code")


def pair_r2(real: Cohort, synthetic: Cohort) -> float:
    """As `unigram_r2`, over unordered pairs of codes in one visit that either cohort has, up to 1.

    Two real samples reach about -0.45 at 100 patients and 0.94 at 3,000: small samples cannot be judged.
    """
    p, q = (_pair_shares(visits) for visits in incidence.visit_codes(real, synthetic))
    return _r2(((p - q).data ** 2).sum(), p.data, (p + q).nnz, "pair of codes")


def codes_per_visit(real: Cohort, synthetic: Cohort) -> float:
    """Mean number of distinct codes in a synthetic visit."""
    return float(incidence.codes_per_visit(synthetic).mean())


def visits_per_patient(real: Cohort, synthetic: Cohort) -> float:
    """Mean number of visits of a synthetic patient."""
    return float(incidence.visits_per_patient(synthetic).mean())


def codes_per_visit_w1(real: Cohort, synthetic: Cohort) -> float:
    """Mean number of codes by which visits would have to grow or shrink to match (Wasserstein-1)."""
    return wasserstein(incidence.codes_per_visit(real), incidence.codes_per_visit(synthetic))


def codes_per_visit_tv(real: Cohort, synthetic: Cohort) -> float:
    """Share of visits whose number of codes would have to change to match (total variation)."""
    return total_variation(incidence.codes_per_visit(real), incidence.codes_per_visit(synthetic))


def codes_per_visit_ks(real: Cohort, synthetic: Cohort) -> float:
    """Largest gap between the distribution functions; no p-value, which mirrors the sample size alone."""
    return kolmogorov_smirnov(incidence.codes_per_visit(real), incidence.codes_per_visit(synthetic))


def visits_per_patient_w1(real: Cohort, synthetic: Cohort) -> float:
    """As `codes_per_visit_w1`, of visits per patient."""
    return wasserstein(incidence.visits_per_patient(real), incidence.visits_per_patient(synthetic))


def visits_per_patient_tv(real: Cohort, synthetic: Cohort) -> float:
    """As `codes_per_visit_tv`, of visits per patient."""
    return total_variation(incidence.visits_per_patient(real), incidence.visits_per_patient(synthetic))


def visits_per_patient_ks(real: Cohort, synthetic: Cohort) -> float:
    """As `codes_per_visit_ks`, of visits per patient."""
    return kolmogorov_smirnov(incidence.visits_per_patient(real), incidence.visits_per_patient(synthetic))


def wasserstein(first: Int[ndarray, " A"], second: Int[ndarray, " B"]) -> float:
    """Area between the distribution functions of two samples of whole numbers from 0 up.

    By hand because importing scipy.stats takes longer than all metrics together; a test compares them.

    Example:
        >>> wasserstein(np.array([1, 1, 3, 3]), np.array([2, 2]))
        1.0
    """
    return float(np.abs(np.cumsum(_difference(first, second))).sum())


def total_variation(first: Int[ndarray, " A"], second: Int[ndarray, " B"]) -> float:
    """Half the sum of absolute differences of the shares of each number, 0 to 1.

    Example:
        >>> total_variation(np.array([1, 1, 2, 2]), np.array([2, 2]))
        0.5
    """
    return float(np.abs(_difference(first, second)).sum() / 2)


def kolmogorov_smirnov(first: Int[ndarray, " A"], second: Int[ndarray, " B"]) -> float:
    """Largest difference of the distribution functions, 0 to 1.

    Example:
        >>> kolmogorov_smirnov(np.array([1, 1, 2, 2]), np.array([2, 2]))
        0.5
    """
    return float(np.abs(np.cumsum(_difference(first, second))).max())


def _difference(first: ndarray, second: ndarray) -> ndarray:
    """Share of 0, 1, 2, ... in the first sample minus that in the second."""
    size = max(first.max(), second.max()) + 1
    return np.bincount(first, minlength=size) / len(first) - np.bincount(second, minlength=size) / len(second)


def _pair_shares(visits: sparse.csr_array) -> sparse.csr_array:
    """Share of visits with both codes, [V, V] above the diagonal."""
    return sparse.triu(visits.T @ visits, k=1, format="csr") / visits.shape[0]


def _r2(residual: float, p: ndarray, size: int, what: str) -> float:
    """1 - residual / variance; `p` may leave out zeros, `size` counts them."""
    variance = (p**2).sum() - p.sum() ** 2 / size if size else 0.0
    if variance <= 1e-12 * (p**2).sum():
        raise NotJudged(f"every {what} of the real sample is equally frequent, or there is none")
    return float(1 - residual / variance)
