"""Sets of patients as files that anybody might have made, for tests of the score."""

from pathlib import Path

from ehrgen.data.cohort import Cohort
from tests.support.cohorts import population


def people(patients: int, seed: int) -> Cohort:
    """As `population`, with a code that begins with a zero: a table without any seems to have lost its zeros."""
    made = population(patients, seed)
    code = made.diagnoses["code"].where(made.diagnoses.index > 0, "0389")
    return Cohort(made.patients, made.diagnoses.assign(code=code))


def long_table(patients: Cohort, path: Path, described: bool = True) -> Path:
    """The cohort as a table of patient, visit and code, with sex and age or without."""
    rows = patients.diagnoses.rename(columns={"patient_id": "patient"})[["patient", "visit", "position", "code"]]
    if described:
        who = patients.patients.set_index("patient_id")[["sex", "age_years"]]
        rows = rows.join(who, on="patient")
    rows.to_csv(path, index=False)
    return path
