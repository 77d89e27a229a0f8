"""Are visits and histories as long as in real patients?"""

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from ehrgen.data.cohort import Cohort
from ehrgen.metrics.cohorts import incidence


def codes_per_visit(real: Cohort, synthetic: Cohort) -> float:
    """Mean number of distinct codes in a synthetic visit.

    Good is the floor's mean; a code too few or too many drags pairs and diversity along. A generator that gives every
    visit the same number passes here and fails `codes_per_visit_w1`.
    """
    return float(incidence.codes_per_visit(synthetic).mean())


def visits_per_patient(real: Cohort, synthetic: Cohort) -> float:
    """Mean number of visits of a synthetic patient.

    Good is the floor's mean; 1 means that no history is written at all, and the metrics of sequences are silent. Equal
    histories for everybody pass here and fail `visits_per_patient_w1`.
    """
    return float(incidence.visits_per_patient(synthetic).mean())


def codes_per_visit_w1(real: Cohort, synthetic: Cohort) -> float:
    """Mean number of codes by which visits would have to grow or shrink to match (Wasserstein-1).

    Good is as small as the floor; a bad one is as large as the typical error in the length of a visit. Lengths copied
    from training patients win it whatever the codes are.
    """
    return wasserstein(incidence.codes_per_visit(real), incidence.codes_per_visit(synthetic))


def codes_per_visit_tv(real: Cohort, synthetic: Cohort) -> float:
    """Share of visits whose number of codes would have to change to match (total variation).

    Good is as small as the floor, 1 is bad: no visit has a real length. It does not see by how much a length is wrong,
    so it is read with `codes_per_visit_w1`; copied lengths win it.
    """
    return total_variation(incidence.codes_per_visit(real), incidence.codes_per_visit(synthetic))


def codes_per_visit_ks(real: Cohort, synthetic: Cohort) -> float:
    """Largest gap between the distribution functions of codes per visit (Kolmogorov-Smirnov statistic).

    Good is as small as the floor; 1 is bad: no visit is as short as any real one, or as long. No p-value is given: it
    mirrors the sample size alone. Copied lengths win it.
    """
    return kolmogorov_smirnov(incidence.codes_per_visit(real), incidence.codes_per_visit(synthetic))


def visits_per_patient_w1(real: Cohort, synthetic: Cohort) -> float:
    """Mean number of visits by which histories would have to grow or shrink to match (Wasserstein-1).

    Good is as small as the floor; a few endless histories make it bad. Numbers of visits drawn from training patients,
    as the reference generators do, win it.
    """
    return wasserstein(incidence.visits_per_patient(real), incidence.visits_per_patient(synthetic))


def visits_per_patient_tv(real: Cohort, synthetic: Cohort) -> float:
    """Share of patients whose number of visits would have to change to match (total variation).

    Good is as small as the floor, 1 is bad. Where most real patients have one visit, a generator that gives everybody
    one comes out well: read `visits_per_patient` with it.
    """
    return total_variation(incidence.visits_per_patient(real), incidence.visits_per_patient(synthetic))


def visits_per_patient_ks(real: Cohort, synthetic: Cohort) -> float:
    """Largest gap between the distribution functions of visits per patient (Kolmogorov-Smirnov statistic).

    Good is as small as the floor, 1 is bad. As `visits_per_patient_tv` it forgives one visit for everybody where most
    real patients have one.
    """
    return kolmogorov_smirnov(incidence.visits_per_patient(real), incidence.visits_per_patient(synthetic))


def wasserstein(first: Int[ndarray, " A"], second: Int[ndarray, " B"]) -> float:
    """Area between the distribution functions of two samples of whole numbers from 0 up.

    From the shares of each number, as all three distances here; a test compares with scipy, which sorts the samples
    instead and takes 30 to 100 times as long.

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
