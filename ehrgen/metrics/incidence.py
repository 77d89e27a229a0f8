"""Cohorts as arrays: which visit holds which code, over the codes of both cohorts.

Axes: N visits, V distinct codes of either cohort, P patients, R diagnoses. A visit is a set of codes: a code
written twice in one visit counts once, everywhere but in `validity.repeated_codes`.
"""

import numpy as np
import pandas as pd
from jaxtyping import Int
from numpy import ndarray
from scipy import sparse

from ehrgen.data.cohort import Cohort


def visit_codes(real: Cohort, synthetic: Cohort) -> tuple[sparse.csr_array, sparse.csr_array]:
    """0/1 matrices [N, V] of the two cohorts with the same columns."""
    codes = pd.concat([real.diagnoses["code"], synthetic.diagnoses["code"]], ignore_index=True)
    which, distinct = pd.factorize(codes)
    first = len(real.diagnoses)
    return matrix(real, which[:first], len(distinct)), matrix(synthetic, which[first:], len(distinct))


def matrix(cohort: Cohort, code: Int[ndarray, " R"], codes: int) -> sparse.csr_array:
    """0/1 matrix [N, V] of one cohort, given the column of each diagnosis."""
    visit = visit_of_row(cohort)
    times = sparse.csr_array((np.ones(len(code), np.int64), (visit, code)), shape=(visit[-1] + 1, codes))
    times.sum_duplicates()
    times.data[:] = 1
    return times


def code_counts(real: Cohort, synthetic: Cohort) -> tuple[Int[ndarray, " V"], Int[ndarray, " V"]]:
    """Number of visits with each code, for the two cohorts with the same entries."""
    return tuple(visits.sum(axis=0) for visits in visit_codes(real, synthetic))


def visit_of_row(cohort: Cohort) -> Int[ndarray, " R"]:
    """Number of the visit, 0 to N - 1 over the whole cohort, of each diagnosis."""
    owner, visit = (cohort.diagnoses[name].to_numpy() for name in ("patient_id", "visit"))
    starts = np.append(True, (owner[1:] != owner[:-1]) | (visit[1:] != visit[:-1]))
    return np.cumsum(starts) - 1


def visits_per_patient(cohort: Cohort) -> Int[ndarray, " P"]:
    """How many visits each patient has."""
    owner = cohort.diagnoses["patient_id"].to_numpy()
    last = np.append(owner[1:] != owner[:-1], True)
    return cohort.diagnoses["visit"].to_numpy()[last] + 1


def codes_per_visit(cohort: Cohort) -> Int[ndarray, " N"]:
    """How many distinct codes each visit has."""
    which, distinct = pd.factorize(cohort.diagnoses["code"])
    return np.diff(matrix(cohort, which, len(distinct)).indptr)
