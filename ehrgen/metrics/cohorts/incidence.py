"""Cohorts as arrays: which visit or patient holds which code.

Axes: N visits, V distinct codes, P patients, R diagnoses, M transitions from a visit to the next one. A visit is a
set of codes: a code written twice in one visit counts once, everywhere but in `validity.repeated_codes`. Columns are
in the order of their codes, so nothing depends on the order of the patients.
"""

import numpy as np
import pandas as pd
from jaxtyping import Int
from numpy import ndarray
from scipy import sparse

from ehrgen.data.cohort import Cohort
from ehrgen.data.icd9 import codes as icd9
from ehrgen.data.indicator import indicator
from ehrgen.metrics.cohorts.cache import remembered


@remembered
def visit_codes(real: Cohort, synthetic: Cohort) -> tuple[sparse.csr_array, sparse.csr_array]:
    """0/1 matrices [N, V] of the two cohorts over the codes of both."""
    codes, (ours, theirs) = columns(real, synthetic)
    return matrix(real, ours, len(codes)), matrix(synthetic, theirs, len(codes))


@remembered
def visit_categories(real: Cohort, synthetic: Cohort) -> tuple[sparse.csr_array, sparse.csr_array]:
    """As `visit_codes`, with the ICD-9 category in place of each code."""
    codes, (ours, theirs) = columns(real, synthetic)
    names, category = np.unique(icd9.category(codes), return_inverse=True)
    return matrix(real, category[ours], len(names)), matrix(synthetic, category[theirs], len(names))


def matrix(cohort: Cohort, code: Int[ndarray, " R"], codes: int) -> sparse.csr_array:
    """0/1 matrix [N, V] of one cohort, given the column of each diagnosis."""
    visit = visit_of_row(cohort)
    return indicator(visit, code, (int(visit[-1]) + 1, codes), np.int64)


@remembered
def patient_codes(cohort: Cohort, codes: ndarray) -> sparse.csr_array:
    """0/1 matrix [P, V]: which patient ever has which of these codes; codes not among them are left out."""
    return _of_patients(cohort, np.arange(len(cohort.diagnoses)), codes)


@remembered
def first_visit_codes(cohort: Cohort, codes: ndarray) -> sparse.csr_array:
    """As `patient_codes`, of the first visits alone: there the age is known."""
    return _of_patients(cohort, np.flatnonzero(cohort.diagnoses["visit"] == 0), codes)


def first_visit_categories(cohort: Cohort) -> sparse.csr_array:
    """0/1 matrix [P, categories] of first visits, over the ICD-9 categories of the cohort, in order."""
    codes = distinct_codes(cohort)
    names, category = np.unique(icd9.category(codes), return_inverse=True)
    entry = first_visit_codes(cohort, codes).tocoo()
    return indicator(entry.row, category[entry.col], (len(cohort), len(names)), np.int64)


def distinct_codes(cohort: Cohort) -> ndarray:
    """The codes of a cohort, in order."""
    return coded(cohort)[1]


@remembered
def coded(cohort: Cohort) -> tuple[Int[ndarray, " R"], ndarray]:
    """The number of the code of each diagnosis, and the codes that are numbered so, in order."""
    which, distinct = pd.factorize(cohort.diagnoses["code"], sort=True)
    return which, np.asarray(distinct, dtype=object)


@remembered
def columns(*cohorts: Cohort) -> tuple[ndarray, tuple[Int[ndarray, " R"], ...]]:
    """The codes of all these cohorts, in order, and for each cohort the number of the code of each diagnosis."""
    own = [coded(cohort) for cohort in cohorts]
    codes = np.unique(np.concatenate([distinct for _, distinct in own]))
    return codes, tuple(np.searchsorted(codes, distinct)[which] for which, distinct in own)


def code_counts(real: Cohort, synthetic: Cohort) -> tuple[Int[ndarray, " V"], Int[ndarray, " V"]]:
    """Number of visits with each code, for the two cohorts with the same entries."""
    return tuple(visits.sum(axis=0) for visits in visit_codes(real, synthetic))


def visit_of_row(cohort: Cohort) -> Int[ndarray, " R"]:
    """Number of the visit, 0 to N - 1 over the whole cohort, of each diagnosis."""
    owner, visit = (cohort.diagnoses[name].to_numpy() for name in ("patient_id", "visit"))
    starts = np.append(True, (owner[1:] != owner[:-1]) | (visit[1:] != visit[:-1]))
    return np.cumsum(starts) - 1


def patient_of_visit(cohort: Cohort) -> Int[ndarray, " N"]:
    """Row of the patient of each visit."""
    return np.repeat(np.arange(len(cohort)), visits_per_patient(cohort))


def transitions(cohort: Cohort) -> Int[ndarray, " M"]:
    """Number of each visit that another one follows; that other one has the next number."""
    owner = patient_of_visit(cohort)
    return np.flatnonzero(owner[1:] == owner[:-1])


def visits_per_patient(cohort: Cohort) -> Int[ndarray, " P"]:
    """How many visits each patient has."""
    owner = cohort.diagnoses["patient_id"].to_numpy()
    last = np.append(owner[1:] != owner[:-1], True)
    return cohort.diagnoses["visit"].to_numpy()[last].astype(np.int64) + 1


def codes_per_visit(cohort: Cohort) -> Int[ndarray, " N"]:
    """How many distinct codes each visit has."""
    which, distinct = coded(cohort)
    return np.diff(matrix(cohort, which, len(distinct)).indptr)


def _of_patients(cohort: Cohort, rows: Int[ndarray, " r"], codes: ndarray) -> sparse.csr_array:
    """Of these diagnoses alone."""
    which, distinct = coded(cohort)
    column = pd.Index(codes, dtype=object).get_indexer(distinct)[which[rows]]
    owner = np.searchsorted(cohort.patients["patient_id"], cohort.diagnoses["patient_id"].to_numpy()[rows])
    known = column >= 0
    return indicator(owner[known], column[known], (len(cohort), len(codes)), np.int64)
