"""Patients, visits and runs of visits as 64-bit keys, and orders and subsets that depend on nothing but the records.

A record is the visits in order, each a set of codes; sex and age are no part of it. It is told from others by the sum
of a 64-bit hash of its (visit, code) pairs: for 10^5 patients the chance of a wrong match is about 10^-9. Equal
records, visits and runs have equal keys in any cohort. Axes: P patients, N visits.
"""

import numpy as np
import pandas as pd
from jaxtyping import Int, UInt64
from numpy import ndarray

from ehrgen.data.cohort import Cohort
from ehrgen.metrics.cohorts import incidence
from ehrgen.metrics.cohorts.cache import remembered

ODD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: the order of visits changes the key


@remembered
def of_records(cohort: Cohort) -> UInt64[ndarray, " P"]:
    """One key a patient, equal for equal records."""
    code, distinct = incidence.coded(cohort)
    visit = cohort.diagnoses["visit"].to_numpy().astype(np.int64)
    rows = pd.DataFrame({"patient": cohort.diagnoses["patient_id"].to_numpy(), "visit": visit, "code": code})
    rows = rows.drop_duplicates()
    names = pd.util.hash_array(distinct)
    pair = names[rows["code"].to_numpy()] + pd.util.hash_array(rows["visit"].to_numpy())
    owner = rows["patient"].to_numpy()
    starts = np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))
    return np.add.reduceat(pd.util.hash_array(pair), starts)


def of_visits(cohort: Cohort) -> UInt64[ndarray, " N"]:
    """One key a visit, equal for equal sets of codes."""
    which, distinct = incidence.coded(cohort)
    code = pd.util.hash_array(distinct)
    visits = incidence.matrix(cohort, which, len(distinct))
    return np.add.reduceat(code[visits.indices], visits.indptr[:-1])


def of_runs(cohort: Cohort, length: int) -> tuple[UInt64[ndarray, " runs"], Int[ndarray, " runs"]]:
    """The key and the patient's row of every run of `length` consecutive visits."""
    owner, key = incidence.patient_of_visit(cohort), of_visits(cohort)
    starts = np.flatnonzero(owner[: len(owner) - length + 1] == owner[length - 1 :])
    shift = np.arange(length, dtype=np.uint64) * ODD
    runs = np.zeros(len(starts), dtype=np.uint64)
    for step in range(length):
        runs += pd.util.hash_array(key[starts + step] + shift[step : step + 1])
    return runs, owner[starts]


def record_counts(cohort: Cohort) -> Int[ndarray, " D"]:
    """How often each distinct record occurs."""
    return np.unique(of_records(cohort), return_counts=True)[1]


def subset(cohort: Cohort, patients: int) -> Int[ndarray, " n"]:
    """Rows of at most `patients` patients, drawn as if at random: by a hash of the record.

    Without a seed and whatever the order of the patients. Equal records are told apart by a running number, so a
    record is as frequent in the subset as in the cohort.
    """
    records = of_records(cohort)
    order = np.argsort(records, kind="stable")
    ordered = records[order]
    number = np.arange(len(ordered)) - np.searchsorted(ordered, ordered)
    lot = pd.util.hash_array(ordered + pd.util.hash_array(number))
    return order[np.argsort(lot, kind="stable")[:patients]]


@remembered
def sorted_patients(cohort: Cohort) -> Cohort:
    """The cohort with its patients, renumbered from 0, in an order that depends on nothing but what they are.

    Whatever is fitted to them then does not depend on the order in which they came.
    """
    people = cohort.patients
    rows = np.lexsort((people["age_years"], people["sex"] == "M", of_records(cohort)))
    return cohort.resample(rows)
