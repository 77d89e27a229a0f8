"""Tables of MIMIC-IV and of OMOP for tests: a few rows by hand, and the folder they are written to."""

from pathlib import Path

import pandas as pd

Rows = list[tuple[str, ...]]
PATIENTS = [("7", "F", "45", "2150"), ("9", "M", "91", "2140")]
ADMISSIONS = [
    ("7", "71", "2151-03-01 10:00:00"),
    ("7", "72", "2150-12-31 10:00:00"),
    ("9", "90", "2135-01-01 00:00:00"),
]
NINE = [("7", "71", "2", "0389", "9"), ("7", "71", "1", "4019", "9"), ("7", "72", "1", "V3000", "9")]
NINE += [("9", "90", "1", "486", "9")]
TEN = [("7", "71", "3", "I10", "10"), ("9", "90", "2", "T360X1A", "10")]


def write_mimic4(folder: Path, diagnoses: Rows, patients: Rows = PATIENTS, below: str = "") -> Path:
    tables = {
        "patients.csv.gz": (patients, ["subject_id", "gender", "anchor_age", "anchor_year"]),
        "admissions.csv.gz": (ADMISSIONS, ["subject_id", "hadm_id", "admittime"]),
        "diagnoses_icd.csv": (diagnoses, ["subject_id", "hadm_id", "seq_num", "icd_code", "icd_version"]),
    }
    (folder / below).mkdir(parents=True, exist_ok=True)
    for name, (rows, columns) in tables.items():
        pd.DataFrame(rows, columns=columns).to_csv(folder / below / name, index=False)
    return folder


PERSON = [("7", "8532", "1950", "7", "1"), ("9", "8507", "1940", "", ""), ("11", "8507", "1940", "1", "1")]
VISITS = [("70", "7", "2010-01-01", "2010-01-09"), ("71", "7", "2009-01-01", "2009-01-02")]
CONDITIONS = [
    ("7", "2010-01-02", "ICD9CM:401.9", "70"),
    ("7", "2010-02-02", "0389", "71"),
    ("7", "2010-01-05", "486", ""),
    ("9", "2011-01-01", "V30.00", ""),
    ("9", "2011-01-02", "4280", ""),
]


def write_omop(folder: Path, person: Rows = PERSON, conditions: Rows = CONDITIONS, visits: Rows = VISITS) -> Path:
    birth = ["year_of_birth", "month_of_birth", "day_of_birth"]
    coded = ["person_id", "condition_start_date", "condition_source_value", "visit_occurrence_id"]
    tables = {
        "person": (person, ["person_id", "gender_concept_id", *birth]),
        "condition_occurrence": (conditions, coded),
        "visit_occurrence": (visits, ["visit_occurrence_id", "person_id", "visit_start_date", "visit_end_date"]),
    }
    for name, (rows, columns) in tables.items():
        if rows:
            pd.DataFrame(rows, columns=columns).to_csv(folder / f"{name}.csv", index=False)
    return folder
