"""MIMIC-III: the tables PATIENTS, ADMISSIONS and DIAGNOSES_ICD, as .csv or .csv.gz, become a Cohort.

Nothing is guessed: a code stays the text it is, and a row that cannot be used is dropped and counted. What
would bend the whole cohort (dates, leading zeros, tables that do not belong together) stops the reader.

Source:
    Johnson et al. (2016), MIMIC-III, a freely accessible critical care database.
    https://doi.org/10.1038/sdata.2016.35
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ehrgen.data.cohort import SEXES, Cohort
from ehrgen.data.icd9 import codes as icd9
from ehrgen.data.readers.quality import ABSENT, RELEASES, TOLERATED, Quality, ReaderError, publish_ages, refuse
from ehrgen.data.readers.spelling import usable_codes
from ehrgen.data.readers.tables import Table

DAYS_PER_YEAR = 365.2425
# The birth of patients over 89 is set 300 years before their first admission; nobody is between these ages.
LONGEST_LIFE, SHIFTED, SHIFTED_LAST = 125, 290, 340


def read(place: Path | Sequence[Path], partial: bool = False) -> tuple[Cohort, Quality]:
    """The cohort of a folder of MIMIC-III tables, or of three named ones, and what became of its rows.

    Every patient is unassigned.

    A visit is an admission with a code, in order of ADMITTIME; within it codes follow SEQ_NUM. `age_years`
    is the age at the first visit, 90 for everyone over 89. A code counts once an admission.

    Args:
        partial: Codes that nobody bills are no error.

    Raises:
        ReaderError: If a table is missing, empty or damaged, or its content cannot be trusted.
    """
    quality = Quality("mimic3")
    people = Table.read(place, "PATIENTS", ("subject_id", "gender", "dob"))
    stays = Table.read(place, "ADMISSIONS", ("subject_id", "hadm_id", "admittime"))
    coded = Table.read(place, "DIAGNOSES_ICD", ("subject_id", "hadm_id", "seq_num", "icd9_code"), ("icd_version",))
    if "icd_version" in coded.rows:
        other = int((~coded.rows["icd_version"].isin(["9", "9.0", ""])).sum())
        where, remedy = coded.where("icd_version"), "keep the rows in ICD-9"
        refuse(other, len(coded.rows), where, "are not 9, as icd9_code says", remedy)
    return cohort_of_tables(people, people.dates("dob"), stays, coded, "icd9_code", quality, not partial), quality


def cohort_of_tables(
    people: Table, birth: pd.Series, stays: Table, coded: Table, code: str, quality: Quality, doubted: bool = True
) -> Cohort:
    """The cohort of the tables PATIENTS, ADMISSIONS and DIAGNOSES_ICD, and counts of what became of their rows.

    Args:
        birth: Of each row of PATIENTS.
        code: The column of DIAGNOSES_ICD with ICD-9-CM codes.
        doubted: Whether codes that nobody bills are an error.

    Raises:
        ReaderError: As `read`.
    """
    patients = _patients(people, birth, quality)
    admissions = _admissions(stays, patients, quality)
    diagnoses = _diagnoses(coded, admissions, code, quality, doubted)
    with_code = admissions["hadm_id"].isin(diagnoses["hadm_id"])
    quality.dropped["admissions without a diagnosis"] = refuse(
        int((~with_code).sum()), len(with_code), stays.where("hadm_id"), "have no diagnosis", RELEASES, ABSENT
    )
    first = admissions[with_code].drop_duplicates("patient_id")
    patients = patients.merge(first[["patient_id", "age_years"]], on="patient_id", how="left")
    seen = patients["age_years"].notna()
    quality.dropped["patients without a diagnosis"] = refuse(
        int((~seen).sum()), len(seen), people.where("subject_id"), "have no diagnosis", RELEASES, ABSENT
    )
    patients = patients[seen & patients["sex"].isin(SEXES)]
    if len(patients) == 0:
        raise ReaderError(
            f"{people.path.parent}: no patient is left with a sex and a diagnosis; take the complete tables"
        )
    diagnoses = diagnoses[diagnoses["patient_id"].isin(patients["patient_id"])]
    patients = patients.assign(age_years=publish_ages(patients["age_years"], quality), split="unassigned")
    return Cohort.from_rows(patients, diagnoses)


def _patients(table: Table, birth: pd.Series, quality: Quality) -> pd.DataFrame:
    """patient_id, sex (not yet M or F alone) and birth, one row a patient."""
    sex = table.rows["gender"].str.upper()
    patients = pd.DataFrame({"patient_id": table.integers("subject_id"), "sex": sex, "birth": birth})
    patients = _once(patients, "patient_id", "PATIENTS rows that repeat a patient", table.where("subject_id"), quality)
    quality.dropped["patients with a sex other than M or F"] = refuse(
        int((~patients["sex"].isin(SEXES)).sum()),
        len(patients),
        table.where("gender"),
        "are neither M nor F",
        "correct them, or leave these patients out",
        TOLERATED,
    )
    return patients


def _admissions(table: Table, patients: pd.DataFrame, quality: Quality) -> pd.DataFrame:
    """hadm_id, patient_id, age_years and `visit`, the place in time; sorted by patient and time."""
    admissions = pd.DataFrame(
        {
            "hadm_id": table.integers("hadm_id"),
            "patient_id": table.integers("subject_id"),
            "time": table.dates("admittime"),
        }
    )
    admissions = _once(
        admissions, "hadm_id", "ADMISSIONS rows that repeat an admission", table.where("hadm_id"), quality
    )
    present = admissions["patient_id"].isin(patients["patient_id"])
    quality.dropped["admissions of no patient in PATIENTS"] = _orphans(present, table.where("subject_id"), "PATIENTS")
    admissions = admissions[present].merge(patients[["patient_id", "birth"]], on="patient_id")
    admissions = admissions.sort_values(["patient_id", "time", "hadm_id"], ignore_index=True)
    days = (admissions["time"] - admissions["birth"]).dt.total_seconds() / 86_400
    where = table.where("admittime")
    refuse(
        int((days < -1).sum()),
        len(days),
        where,
        "lie before the patient's birth (negative age)",
        "take ADMISSIONS and PATIENTS from one release",
    )
    age = days / DAYS_PER_YEAR
    refuse(
        int((((age > LONGEST_LIFE) & (age < SHIFTED)) | (age > SHIFTED_LAST)).sum()),
        len(age),
        where,
        f"give an age between {LONGEST_LIFE} and {SHIFTED} years or over {SHIFTED_LAST}",
        "take ADMISSIONS and PATIENTS from one release",
    )
    return admissions.assign(age_years=age, visit=np.arange(len(admissions)))


def _diagnoses(table: Table, admissions: pd.DataFrame, code: str, quality: Quality, doubted: bool) -> pd.DataFrame:
    """patient_id, hadm_id, visit, position and code of the rows that can be used, in order."""
    raw = table.rows[code]
    rows = pd.DataFrame(
        {
            "hadm_id": table.integers("hadm_id"),
            "subject_id": table.integers("subject_id"),
            "position": _places(table.rows["seq_num"]),
            "code": icd9.normalise(raw),
        }
    )
    present = rows["hadm_id"].isin(admissions["hadm_id"])
    quality.dropped["diagnoses of no admission in use"] = _orphans(present, table.where("hadm_id"), "ADMISSIONS in use")
    usable = usable_codes(raw, rows["code"], table.where(code), quality, doubted)
    rows = rows[present & usable].merge(admissions[["hadm_id", "patient_id", "visit"]], on="hadm_id")
    own = rows["subject_id"] == rows["patient_id"]
    quality.dropped["diagnoses whose admission is another patient's"] = refuse(
        int((~own).sum()), len(own), table.where("subject_id"), "are not the admission's patient", RELEASES, TOLERATED
    )
    rows = rows[own].sort_values(["visit", "position"], kind="stable")
    repeat = rows.duplicated(["hadm_id", "code"])
    quality.dropped["diagnoses that repeat a code of the admission"] = int(repeat.sum())
    rows = rows[~repeat]
    quality.repaired["diagnoses without SEQ_NUM, placed last"] = int(np.isinf(rows["position"]).sum())
    return rows


def _places(seq_num: pd.Series) -> pd.Series:
    places = pd.to_numeric(seq_num, errors="coerce").astype("float64")
    return places.where(np.isfinite(places), np.inf)


def _once(rows: pd.DataFrame, key: str, reason: str, where: str, quality: Quality) -> pd.DataFrame:
    repeat = rows.duplicated(key)
    remedy = "take the published table, whose rows have each a value of their own"
    quality.dropped[reason] = refuse(int(repeat.sum()), len(rows), where, "stand there twice", remedy, TOLERATED)
    return rows[~repeat]


def _orphans(present: pd.Series, where: str, other: str) -> int:
    return refuse(int((~present).sum()), len(present), where, f"are not in {other}", RELEASES, TOLERATED)
