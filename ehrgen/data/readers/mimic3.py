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
from ehrgen.data.disclosure import shown
from ehrgen.data.icd9 import codes as icd9
from ehrgen.data.readers.quality import TOLERATED, Quality, ReaderError, publish_ages, refuse
from ehrgen.data.readers.tables import Table

DAYS_PER_YEAR = 365.2425
# The birth of patients over 89 is set 300 years before their first admission; nobody is between these ages.
LONGEST_LIFE, SHIFTED, SHIFTED_LAST = 125, 290, 340
# Where zeros are lost, one numeric code in 30 to 60 looks like it; where not, one in 10,000.
LOST_ZEROS = 0.001


def read(place: Path | Sequence[Path]) -> tuple[Cohort, Quality]:
    """The cohort of a folder of MIMIC-III tables, or of three named ones, and what became of its rows.

    Every patient is unassigned.

    A visit is an admission with a code, in order of ADMITTIME; within it codes follow SEQ_NUM. `age_years`
    is the age at the first visit, 90 for everyone over 89. A code counts once an admission.

    Raises:
        ReaderError: If a table is missing, empty or damaged, or its content cannot be trusted.
    """
    quality = Quality("mimic3")
    people = Table.read(place, "PATIENTS", ("subject_id", "gender", "dob"))
    stays = Table.read(place, "ADMISSIONS", ("subject_id", "hadm_id", "admittime"))
    coded = Table.read(place, "DIAGNOSES_ICD", ("subject_id", "hadm_id", "seq_num", "icd9_code"))
    return cohort_of_tables(people, people.dates("dob"), stays, coded, "icd9_code", quality), quality


def cohort_of_tables(
    people: Table, birth: pd.Series, stays: Table, coded: Table, code: str, quality: Quality
) -> Cohort:
    """The cohort of the tables PATIENTS, ADMISSIONS and DIAGNOSES_ICD, and counts of what became of their rows.

    Args:
        birth: Of each row of PATIENTS.
        code: The column of DIAGNOSES_ICD with ICD-9-CM codes.

    Raises:
        ReaderError: As `read`.
    """
    patients = _patients(people, birth, quality)
    admissions = _admissions(stays, patients, quality)
    diagnoses = _diagnoses(coded, admissions, code, quality)
    with_code = admissions["hadm_id"].isin(diagnoses["hadm_id"])
    quality.dropped["admissions without a diagnosis"] = int((~with_code).sum())
    first = admissions[with_code].drop_duplicates("patient_id")
    patients = patients.merge(first[["patient_id", "age_years"]], on="patient_id", how="left")
    seen = patients["age_years"].notna()
    quality.dropped["patients without a diagnosis"] = int((~seen).sum())
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
    patients = _once(patients, "patient_id", "PATIENTS rows that repeat a patient", quality)
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
    admissions = _once(admissions, "hadm_id", "ADMISSIONS rows that repeat an admission", quality)
    present = _present(admissions["patient_id"], patients["patient_id"], table.where("subject_id"), "PATIENTS")
    quality.dropped["admissions of no patient in PATIENTS"] = int((~present).sum())
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


def _diagnoses(table: Table, admissions: pd.DataFrame, code: str, quality: Quality) -> pd.DataFrame:
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
    present = _present(rows["hadm_id"], admissions["hadm_id"], table.where("hadm_id"), "ADMISSIONS")
    quality.dropped["diagnoses of no admission in use"] = int((~present).sum())
    usable = usable_codes(raw, rows["code"], table.where(code), quality)
    rows = rows[present & usable].merge(admissions[["hadm_id", "patient_id", "visit"]], on="hadm_id")
    own = rows["subject_id"] == rows["patient_id"]
    quality.dropped["diagnoses whose admission is another patient's"] = int((~own).sum())
    rows = rows[own].sort_values(["visit", "position"], kind="stable")
    repeat = rows.duplicated(["hadm_id", "code"])
    quality.dropped["diagnoses that repeat a code of the admission"] = int(repeat.sum())
    rows = rows[~repeat]
    quality.repaired["diagnoses without SEQ_NUM, placed last"] = int(np.isinf(rows["position"]).sum())
    return rows


def usable_codes(raw: pd.Series, codes: pd.Series, where: str, quality: Quality) -> pd.Series:
    """Which rows hold a code; stops where the column went through a program that took codes for numbers."""
    remedy = "export the column as text with its leading zeros"
    filled = raw != ""
    number = raw.str.fullmatch(r"[0-9]{4,5}\.0+|[0-9]{1,2}(?:\.[0-9]*)?")
    refuse(int(number.sum()), int(filled.sum()), where, "are numbers, not codes", remedy, TOLERATED)
    digits = codes[filled & codes.str.fullmatch(r"[0-9]+")]
    if not digits.str.startswith("0").any():
        padded = icd9.billable("0" + digits) | icd9.billable("00" + digits)
        lost = int((padded & ~icd9.billable(digits)).sum())
        if lost > LOST_ZEROS * len(digits):
            refuse(lost, len(digits), where, "seem to have lost a leading zero, and no code has one", remedy)
    formed = icd9.is_code(codes) & ~number.to_numpy(dtype=bool)
    quality.dropped["diagnoses without a code"] = int((~filled).sum())
    quality.dropped["diagnoses with a text that is no ICD-9-CM code"] = refuse(
        int((filled & ~formed).sum()),
        int(filled.sum()),
        where,
        "are no ICD-9-CM codes",
        "take the ICD-9-CM column (ICD-10 is not read)",
        TOLERATED,
    )
    quality.repaired["codes with dots, blanks or lower case"] = int((formed & (raw != codes)).sum())
    return pd.Series(formed, index=codes.index)


def _places(seq_num: pd.Series) -> pd.Series:
    places = pd.to_numeric(seq_num, errors="coerce").astype("float64")
    return places.where(np.isfinite(places), np.inf)


def _once(rows: pd.DataFrame, key: str, reason: str, quality: Quality) -> pd.DataFrame:
    repeat = rows.duplicated(key)
    quality.dropped[reason] = int(repeat.sum())
    return rows[~repeat]


def _present(values: pd.Series, known: pd.Series, where: str, other: str) -> pd.Series:
    present = values.isin(known)
    if not present.any():
        count = shown(len(values))
        raise ReaderError(f"{where}: none of {count} values occurs in {other}; take both from one release")
    return present
