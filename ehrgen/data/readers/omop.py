"""OMOP: the tables person, condition_occurrence and, where there is one, visit_occurrence become a Cohort.

Codes are the source values (`401.9`, `4019`, `ICD9CM:401.9`), as concepts are SNOMED. A condition belongs to the visit
that it names, else to the visit around it, else to its calendar day (see `visits`). A birth without a month is on the
first of January. A code may occur twice in a visit.

Source:
    OHDSI, OMOP Common Data Model 5.4. https://ohdsi.github.io/CommonDataModel/
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ehrgen.data.cohort import Cohort, cohort_of
from ehrgen.data.icd9 import codes as icd9
from ehrgen.data.readers.quality import RELEASES, TOLERATED, Quality, ReaderError, publish_ages, refuse
from ehrgen.data.readers.spelling import usable_codes
from ehrgen.data.readers.tables import Table, has_table
from ehrgen.data.readers.visits import age_between, described, with_visits

SEX_OF = {"8507": "M", "8532": "F"}
VOCABULARY = r"(?i)^ICD-?9(?:-?CM)?[:/| ]+"
BIRTH = ("year_of_birth", "month_of_birth", "day_of_birth")


def read(place: Path | Sequence[Path], partial: bool = False) -> tuple[Cohort, Quality]:
    """The cohort of a folder of OMOP tables, and what became of its rows; every patient is unassigned.

    Args:
        partial: Tables without any sex, or without any birth, or with codes that nobody bills, are no error.

    Raises:
        ReaderError: If a table is missing, empty or damaged, or its content cannot be trusted.
    """
    quality = Quality("omop")
    people = Table.read(place, "person", ("person_id", "gender_concept_id", *BIRTH))
    coded = ("person_id", "condition_start_date", "condition_source_value", "visit_occurrence_id")
    conditions = Table.read(place, "condition_occurrence", coded)
    rows = _diagnoses(conditions, quality, not partial)
    rows = with_visits(rows, _stays(place), conditions.where("condition_start_date"), quality)
    patients = _patients(people, rows, quality)
    patients["age_years"] = publish_ages(patients["age_years"], quality)
    patients = described(patients, f"{people.path}: patients with a diagnosis", quality, partial)
    rows = rows[rows["patient_id"].isin(patients["patient_id"])]
    if len(rows) == 0:
        raise ReaderError(f"{people.path}: no patient of it has a diagnosis; take both tables from one release")
    return cohort_of(patients.assign(split="unassigned"), rows), quality


def _diagnoses(conditions: Table, quality: Quality, doubted: bool) -> pd.DataFrame:
    raw = conditions.rows["condition_source_value"].str.replace(VOCABULARY, "", regex=True)
    rows = pd.DataFrame(
        {
            "patient_id": conditions.integers("person_id"),
            "time": conditions.dates("condition_start_date"),
            "stay": conditions.rows["visit_occurrence_id"],
            "position": np.arange(len(raw)),
            "code": icd9.normalise(raw),
        }
    )
    where = conditions.where("condition_source_value")
    return rows[usable_codes(raw, rows["code"], where, quality, doubted).to_numpy(dtype=bool)]


def _stays(place: Path | Sequence[Path]) -> pd.DataFrame:
    if not has_table(place, "visit_occurrence"):
        nothing = pd.Series([], dtype="datetime64[s]")
        return pd.DataFrame({"patient_id": nothing.astype("int64"), "stay": "", "start": nothing, "end": nothing})
    columns = ("visit_occurrence_id", "person_id", "visit_start_date", "visit_end_date")
    table = Table.read(place, "visit_occurrence", columns)
    start, end = (table.dates(column) for column in columns[2:])
    stay = table.rows["visit_occurrence_id"]
    return pd.DataFrame({"patient_id": table.integers("person_id"), "stay": stay, "start": start, "end": end})


def _patients(people: Table, diagnoses: pd.DataFrame, quality: Quality) -> pd.DataFrame:
    """patient_id, sex ('' for other concepts) and age_years at the first visit, of everyone with a diagnosis."""
    parts = [people.rows[name] for name in BIRTH]
    year, month, day = (text.where(text != "", first) for text, first in zip(parts, ("", "1", "1"), strict=True))
    text = (year.str.zfill(4) + "-" + month.str.zfill(2) + "-" + day.str.zfill(2)).where(year != "", None)
    birth = pd.to_datetime(text, format="%Y-%m-%d", errors="coerce").astype("datetime64[s]")
    unreadable = int((birth.isna() & (year != "")).sum())
    refuse(unreadable, len(text), people.where(BIRTH[0]), "with month and day are no dates", "correct them")
    sex = people.rows["gender_concept_id"].map(SEX_OF).fillna("")
    found = pd.DataFrame({"patient_id": people.integers("person_id"), "sex": sex, "birth": birth})
    repeat = found.duplicated("patient_id")
    quality.dropped["person rows that repeat a person"] = refuse(
        int(repeat.sum()), len(repeat), people.where("person_id"), "stand there twice", "take each once", TOLERATED
    )
    first = diagnoses.groupby("patient_id")["start"].min().rename("first")
    seen = found[~repeat].merge(first, on="patient_id")
    quality.dropped["persons without a diagnosis"] = int((~repeat).sum()) - len(seen)
    known = diagnoses["patient_id"].isin(seen["patient_id"])
    quality.dropped["diagnoses of nobody in person"] = refuse(
        int((~known).sum()), len(known), f"{people.path}: patients of diagnoses", "are not in it", RELEASES, TOLERATED
    )
    age = age_between(seen["birth"], seen["first"], people.where(BIRTH[0]))
    return seen.assign(age_years=age)[["patient_id", "sex", "age_years"]]
