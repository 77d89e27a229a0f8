"""Whole records: which patients have the same one, and a subset that depends on nothing but the records.

A record is the visits in order, each a set of codes. It is told from others by the sum of a 64-bit hash of its
(visit, code) pairs: for 10^5 patients the chance of a wrong match is about 10^-9.
"""

import numpy as np
import pandas as pd
from jaxtyping import Int, UInt64
from numpy import ndarray

from ehrgen.data.cohort import Cohort
from ehrgen.metrics.cohorts.cache import remembered


@remembered
def fingerprints(cohort: Cohort) -> UInt64[ndarray, " P"]:
    """A number for each patient's record, the same for the same record in any cohort."""
    code, distinct = pd.factorize(cohort.diagnoses["code"])
    visit = cohort.diagnoses["visit"].to_numpy().astype(np.int64)
    rows = pd.DataFrame({"patient": cohort.diagnoses["patient_id"].to_numpy(), "visit": visit, "code": code})
    rows = rows.drop_duplicates()
    names = pd.util.hash_array(np.asarray(distinct, dtype=object))
    pair = names[rows["code"].to_numpy()] + pd.util.hash_array(rows["visit"].to_numpy())
    owner = rows["patient"].to_numpy()
    starts = np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))
    return np.add.reduceat(pd.util.hash_array(pair), starts)


def counts(cohort: Cohort) -> Int[ndarray, " D"]:
    """How often each distinct record occurs."""
    return np.unique(fingerprints(cohort), return_counts=True)[1]


def subset(cohort: Cohort, patients: int) -> Int[ndarray, " n"]:
    """Rows of at most `patients` patients, drawn as if at random: by a hash of the record.

    Without a seed and whatever the order of the patients. Equal records are told apart by a running number, so a
    record is as frequent in the subset as in the cohort.
    """
    records = fingerprints(cohort)
    order = np.argsort(records, kind="stable")
    ordered = records[order]
    number = np.arange(len(ordered)) - np.searchsorted(ordered, ordered)
    lot = pd.util.hash_array(ordered + pd.util.hash_array(number))
    return order[np.argsort(lot, kind="stable")[:patients]]
