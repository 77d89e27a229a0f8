import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehrgen.data.cohort import Cohort
from ehrgen.data.readers import mimic3
from tests.support.mimic3_tables import Tables, write

CODES = ("0389", "00845", "4019", "V3000", "E8497", "V270", "5849", "42731", "V1582", "E8490")

BIRTH = np.datetime64("2101-03-04T00:00:00")


@st.composite
def cohorts(draw: st.DrawFn) -> Cohort:
    patients, diagnoses = [], []
    for patient in draw(st.lists(st.integers(0, 99_999), min_size=1, max_size=6, unique=True)):
        age_days = draw(st.integers(0, 32_800))  # up to 89.8 years
        patients.append((patient, draw(st.sampled_from("MF")), age_days / mimic3.DAYS_PER_YEAR, "unassigned"))
        for visit in range(draw(st.integers(1, 3))):
            for position, code in enumerate(draw(st.permutations(CODES))[: draw(st.integers(1, len(CODES)))]):
                diagnoses.append((patient, visit, position, code))
    return Cohort.from_rows(
        pd.DataFrame(patients, columns=["patient_id", "sex", "age_years", "split"]),
        pd.DataFrame(diagnoses, columns=["patient_id", "visit", "position", "code"]),
    )


def as_tables(cohort: Cohort, rng: np.random.Generator) -> Tables:
    """The cohort as MIMIC-III would hold it, rows shuffled; admission ids do not follow time."""
    rows, patients = cohort.diagnoses, cohort.patients
    days = np.round(patients["age_years"] * mimic3.DAYS_PER_YEAR).astype(int).to_numpy()
    first = BIRTH + days * np.timedelta64(1, "D")
    stays = rows.drop_duplicates(["patient_id", "visit"])
    time = first[np.searchsorted(patients["patient_id"], stays["patient_id"])]
    time = time + stays["visit"].to_numpy() * np.timedelta64(5, "D")
    hadm = dict(zip(zip(stays["patient_id"], stays["visit"], strict=True), rng.permutation(len(stays)), strict=True))
    text = lambda when: str(when).replace("T", " ")  # noqa: E731
    tables = {
        "PATIENTS": [
            {"subject_id": str(row.patient_id), "gender": row.sex, "dob": text(BIRTH)} for row in patients.itertuples()
        ],
        "ADMISSIONS": [
            {"subject_id": str(patient), "hadm_id": str(stay), "admittime": text(when)}
            for ((patient, _), stay), when in zip(hadm.items(), time, strict=True)
        ],
        "DIAGNOSES_ICD": [
            {
                "subject_id": str(row.patient_id),
                "hadm_id": str(hadm[row.patient_id, row.visit]),
                "seq_num": str(3 * row.position + 1),
                "icd9_code": row.code,
            }
            for row in rows.itertuples()
        ],
    }
    return {name: [table[i] for i in rng.permutation(len(table))] for name, table in tables.items()}


@pytest.mark.slow
@settings(deadline=None, max_examples=15)
@given(
    cohort=cohorts(),
    seed=st.integers(0, 1000),
    suffix=st.sampled_from([".csv", ".csv.gz"]),
    upper=st.booleans(),
)
def test_a_written_cohort_is_read_back(cohort, seed, suffix, upper):
    tables = as_tables(cohort, np.random.default_rng(seed))
    with tempfile.TemporaryDirectory() as folder:
        found, _ = mimic3.read(write(Path(folder), tables, suffix, str.upper if upper else str.lower))
    pd.testing.assert_frame_equal(found.patients, cohort.patients)
    pd.testing.assert_frame_equal(found.diagnoses, cohort.diagnoses)
