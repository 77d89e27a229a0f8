"""Visits, runs of them and patients as 64-bit keys, the same in every cohort, as in `records`.

A visit is a set of codes; sex and age are no part of it. Axes: N visits.
"""

import numpy as np
import pandas as pd
from jaxtyping import Int, UInt64
from numpy import ndarray

from ehrgen.data.cohort import Cohort
from ehrgen.metrics.cohorts import incidence, records

ODD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: the order of visits changes the key


def visit_keys(cohort: Cohort) -> UInt64[ndarray, " N"]:
    """One key a visit, equal for equal sets of codes."""
    which, distinct = pd.factorize(cohort.diagnoses["code"])
    code = pd.util.hash_array(np.asarray(distinct, dtype=object))
    visits = incidence.matrix(cohort, which, len(distinct))
    return np.add.reduceat(code[visits.indices], visits.indptr[:-1])


def sorted_patients(cohort: Cohort) -> Cohort:
    """The cohort with its patients, renumbered from 0, in an order that depends on nothing but what they are.

    Whatever is fitted to them then does not depend on the order in which they came.
    """
    people = cohort.patients
    rows = np.lexsort((people["age_years"], people["sex"] == "M", records.fingerprints(cohort)))
    return cohort.resample(rows)


def run_keys(cohort: Cohort, length: int) -> tuple[UInt64[ndarray, " runs"], Int[ndarray, " runs"]]:
    """The key and the patient's row of every run of `length` consecutive visits."""
    visits = incidence.visits_per_patient(cohort)
    owner = np.repeat(np.arange(len(cohort)), visits)
    key = visit_keys(cohort)
    starts = np.flatnonzero(owner[: len(owner) - length + 1] == owner[length - 1 :])
    shift = np.arange(length, dtype=np.uint64) * ODD
    placed = [pd.util.hash_array(key[starts + step] + shift[step : step + 1]) for step in range(length)]
    return np.sum(placed, axis=0, dtype=np.uint64), owner[starts]
