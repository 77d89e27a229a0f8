"""What reference generators take from training patients, and the cohort they make of it.

Axes: N training visits, n generated patients.
"""

import numpy as np
import pandas as pd
from jaxtyping import Int
from numpy import ndarray
from scipy import sparse

from ehrgen.data.cohort import Cohort
from ehrgen.metrics.cohorts import incidence
from ehrgen.metrics.cohorts.subgroups import subgroup_of


def train_visits(train: Cohort) -> tuple[sparse.csr_array, ndarray, Int[ndarray, " N"]]:
    """Visits x codes, the code of each column, and the subgroup of each visit."""
    which, distinct = pd.factorize(train.diagnoses["code"])  # in order of appearance: draws depend on it
    owner = incidence.patient_of_visit(train)
    return (
        incidence.matrix(train, which, len(distinct)),
        np.asarray(distinct, dtype=object),
        subgroup_of(train)[owner],
    )


def lenders(train: Cohort, n: int, rng: np.random.Generator) -> tuple[Int[ndarray, " n"], Int[ndarray, " visits"]]:
    """Rows of training patients who lend demographics and number of visits, and the patient of each visit."""
    rows = rng.integers(len(train), size=n)
    return rows, np.repeat(np.arange(n), incidence.visits_per_patient(train)[rows])


def assembled(
    train: Cohort,
    rows: Int[ndarray, " n"],
    owner: Int[ndarray, " visits"],
    visits: sparse.csr_array,
    codes: ndarray,
) -> Cohort:
    """The cohort with the demographics of these training rows and these visits."""
    patients = train.patients.iloc[rows].assign(patient_id=np.arange(len(rows)), split="synthetic")
    visit, code = visits.nonzero()
    diagnoses = pd.DataFrame({"patient_id": owner[visit], "visit": visit, "position": code, "code": codes[code]})
    return type(train).from_rows(patients, diagnoses)
