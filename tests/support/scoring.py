"""Sets of patients as files that anybody might have made, for tests of the score."""

from pathlib import Path

from ehrgen.data.cohort import Cohort
from ehrgen.data.icd9.codebook import long_titles
from tests.support.cohorts import GENERIC, population

BILLABLE = [code for code in long_titles() if "390" <= code[:3] <= "459"]
NAMES = dict(zip(GENERIC, BILLABLE, strict=False)) | {"1850": "185"}


def people(patients: int, seed: int) -> Cohort:
    """As `population`, with codes that can be billed, and one that begins with a zero: else readers doubt them."""
    made = population(patients, seed)
    code = made.diagnoses["code"].replace(NAMES).where(made.diagnoses.index > 0, "0389")
    return Cohort(made.patients, made.diagnoses.assign(code=code))


def long_table(patients: Cohort, path: Path, described: bool = True) -> Path:
    """The cohort as a table of patient, visit and code, with sex and age or without."""
    rows = patients.diagnoses.rename(columns={"patient_id": "patient"})[["patient", "visit", "position", "code"]]
    if described:
        who = patients.patients.set_index("patient_id")[["sex", "age_years"]]
        rows = rows.join(who, on="patient")
    rows.to_csv(path, index=False)
    return path
