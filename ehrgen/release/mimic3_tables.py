"""A cohort as tables of the MIMIC-III schema, which `ehrgen.data.readers.mimic3` and other readers of MIMIC-III take.

PATIENTS, ADMISSIONS, DIAGNOSES_ICD and D_ICD_DIAGNOSES have all columns of version 1.4, in its order. What no
generator of ours says (deaths, insurance, wards ...) is empty, or NOT_MODELLED where the tables as they are loaded into
a database must have a text; the flag of death, which must be a number, is 0 and says nothing. Dates are those of a
`Timeline`; as MIMIC-III does, the birth of everyone over 89 is set 300 years before the first admission.

Numbers are bare, texts in quotes, and what is empty is without them: PostgreSQL takes "" for a text, and for no date.

Source:
    Johnson et al. (2016), MIMIC-III, https://doi.org/10.1038/sdata.2016.35; columns: https://mimic.mit.edu/docs/iii
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv

from ehrgen.data.cohort import Cohort
from ehrgen.data.disclosure import OLDEST_PUBLISHED
from ehrgen.data.icd9 import codes as icd9
from ehrgen.data.icd9.codebook import short_titles
from ehrgen.release.timeline import YEAR, Timeline

SHIFT = int(300 * YEAR)
PATIENTS = ("SUBJECT_ID", "GENDER", "DOB", "DOD", "DOD_HOSP", "DOD_SSN", "EXPIRE_FLAG")
ADMISSIONS = (
    *("SUBJECT_ID", "HADM_ID", "ADMITTIME", "DISCHTIME", "DEATHTIME", "ADMISSION_TYPE", "ADMISSION_LOCATION"),
    *("DISCHARGE_LOCATION", "INSURANCE", "LANGUAGE", "RELIGION", "MARITAL_STATUS", "ETHNICITY", "EDREGTIME"),
    *("EDOUTTIME", "DIAGNOSIS", "HOSPITAL_EXPIRE_FLAG", "HAS_CHARTEVENTS_DATA"),
)
DIAGNOSES = ("SUBJECT_ID", "HADM_ID", "SEQ_NUM", "ICD9_CODE")
TITLES = ("ICD9_CODE", "SHORT_TITLE", "LONG_TITLE")
NOT_MODELLED = "NOT MODELLED"
MUST_HAVE_TEXT = ("ADMISSION_TYPE", "ADMISSION_LOCATION", "DISCHARGE_LOCATION", "INSURANCE", "ETHNICITY")
LONGEST_SHORT = 50  # characters of a short title that the published tables have room for


def write(cohort: Cohort, timeline: Timeline, folder: Path) -> None:
    """Write the four tables as .csv into `folder`, which must exist."""
    tables = {
        "PATIENTS": (patients(cohort, timeline), PATIENTS),
        "ADMISSIONS": (admissions(timeline), ADMISSIONS),
        "DIAGNOSES_ICD": (diagnoses(cohort, timeline), DIAGNOSES),
        "D_ICD_DIAGNOSES": (titles(cohort), TITLES),
    }
    for name, (rows, columns) in tables.items():
        filled = {"ROW_ID": pa.array(np.arange(1, len(rows) + 1))}
        for column in columns:
            filled[column] = pa.array(rows[column]) if column in rows else pa.nulls(len(rows), pa.string())
        csv.write_csv(pa.table(filled), folder / f"{name}.csv")


def patients(cohort: Cohort, timeline: Timeline) -> pd.DataFrame:
    """SUBJECT_ID, GENDER, DOB and a flag of death that says nothing, one row a patient."""
    people = cohort.patients
    first = timeline.admissions.loc[timeline.admissions["visit"] == 0, "admitted"].to_numpy()
    shifted = (first - SHIFT).astype("datetime64[D]").astype("datetime64[s]")
    old = people["age_years"].to_numpy() >= OLDEST_PUBLISHED
    born = np.where(old, shifted, timeline.births["born"].to_numpy())
    rows = pd.DataFrame({"SUBJECT_ID": people["patient_id"], "GENDER": people["sex"], "DOB": text(born)})
    return rows.assign(EXPIRE_FLAG=0)


def admissions(timeline: Timeline) -> pd.DataFrame:
    """SUBJECT_ID, HADM_ID, ADMITTIME and DISCHTIME, one row a visit; there are no chart events."""
    stays = timeline.admissions
    return pd.DataFrame(
        {
            "SUBJECT_ID": stays["patient_id"],
            "HADM_ID": stays["hadm_id"],
            "ADMITTIME": text(stays["admitted"].to_numpy()),
            "DISCHTIME": text(stays["discharged"].to_numpy()),
            "HAS_CHARTEVENTS_DATA": 0,
            **dict.fromkeys(MUST_HAVE_TEXT, NOT_MODELLED),
        }
    )


def diagnoses(cohort: Cohort, timeline: Timeline) -> pd.DataFrame:
    """SUBJECT_ID, HADM_ID, SEQ_NUM (from 1) and ICD9_CODE, one row a diagnosis."""
    rows = cohort.diagnoses.merge(timeline.admissions[["patient_id", "visit", "hadm_id"]], on=["patient_id", "visit"])
    return pd.DataFrame(
        {
            "SUBJECT_ID": rows["patient_id"],
            "HADM_ID": rows["hadm_id"],
            "SEQ_NUM": rows["position"] + 1,
            "ICD9_CODE": rows["code"],
        }
    )


def titles(cohort: Cohort) -> pd.DataFrame:
    """ICD9_CODE, SHORT_TITLE and LONG_TITLE of every code of the cohort, ascending."""
    codes = np.sort(cohort.diagnoses["code"].unique().astype(str))
    long = icd9.titles(codes)
    short = [short_titles().get(code, title[:LONGEST_SHORT]) for code, title in zip(codes, long, strict=True)]
    return pd.DataFrame({"ICD9_CODE": codes, "SHORT_TITLE": short, "LONG_TITLE": long})


def text(seconds: np.ndarray) -> np.ndarray:
    """Points in time as MIMIC-III writes them.

    Example:
        >>> text(np.array(["1850-01-02T03:04:05"], dtype="datetime64[s]")).tolist()
        ['1850-01-02 03:04:05']
    """
    return np.char.replace(np.datetime_as_string(seconds, unit="s"), "T", " ")
