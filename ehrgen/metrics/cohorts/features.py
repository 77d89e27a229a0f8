"""Patients and visits as columns that a classifier reads. Axes: P patients, N visits, F columns."""

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from ehrgen.data.cohort import Cohort
from ehrgen.data.icd9 import codes as icd9
from ehrgen.data.icd9.codebook import CHAPTERS
from ehrgen.metrics.cohorts import fingerprints, incidence


def structure(cohort: Cohort) -> Float[ndarray, "P F"]:
    """What a record looks like whatever its codes: lengths, repeats, chapters, demographics, and its twins.

    The twins are the patients of the same cohort with the same record, as the power of 2 below their number: a
    generator that repeats itself has many, and that is no property of any one record.
    """
    people, rows = cohort.patients, cohort.diagnoses
    owner = np.searchsorted(people["patient_id"], rows["patient_id"])
    visits = incidence.visits_per_patient(cohort)
    starts = np.cumsum(visits) - visits
    codes = incidence.codes_per_visit(cohort)
    _, kind, times = np.unique(fingerprints.of_records(cohort), return_inverse=True, return_counts=True)
    distinct, categories = (
        np.bincount(pd.DataFrame({"owner": owner, "code": code}).drop_duplicates()["owner"])
        for code in (rows["code"].to_numpy(), icd9.category(rows["code"]))
    )
    chapters = np.zeros((len(people), len(CHAPTERS)))
    np.add.at(chapters, (owner, icd9.chapter(rows["code"])), 1)
    columns = [
        people["sex"] == "M",
        people["age_years"].fillna(0),  # unknown of everybody or of nobody
        visits,
        codes[starts],
        codes[starts + visits - 1],
        np.maximum.reduceat(codes, starts),
        np.add.reduceat(codes, starts),
        distinct,
        categories,
        np.bincount(owner),
        np.floor(np.log2(times[kind])),
    ]
    return np.column_stack([*(np.asarray(column, dtype=np.float64) for column in columns), chapters])
