"""A cohort as tables of the MIMIC-III schema, which `ehrgen.data.readers.mimic3` and other readers of MIMIC-III take.

PATIENTS, ADMISSIONS, DIAGNOSES_ICD and D_ICD_DIAGNOSES have all columns of version 1.4, in its order. What no
generator of ours says (deaths, insurance, wards ...) is empty. Dates are those of a `Timeline`; as MIMIC-III does,
the birth of everyone over 89 is set 300 years before the first admission.

Source:
    Johnson et al. (2016), MIMIC-III, https://doi.org/10.1038/sdata.2016.35; columns: https://mimic.mit.edu/docs/iii
"""

import csv
from pathlib import Path

import numpy as np
import pandas as pd

from ehrgen.data.cohort import Cohort
from ehrgen.data.disclosure import OLDEST_PUBLISHED
from ehrgen.data.icd9 import codes as icd9
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


def write(cohort: Cohort, timeline: Timeline, folder: Path) -> None:
    """Write the four tables as .csv into `folder`, which must exist."""
    tables = {
        "PATIENTS": (patients(cohort, timeline), PATIENTS),
        "ADMISSIONS": (admissions(timeline), ADMISSIONS),
        "DIAGNOSES_ICD": (diagnoses(cohort, timeline), DIAGNOSES),
        "D_ICD_DIAGNOSES": (titles(cohort), TITLES),
    }
    for name, (rows, columns) in tables.items():
        rows = rows.reindex(columns=list(columns))
        rows.insert(0, "ROW_ID", np.arange(1, len(rows) + 1))
        # Text in quotes, as published, so that a reader that heeds them keeps 0389 from becoming 389.
        rows.to_csv(folder / f"{name}.csv", index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")


def patients(cohort: Cohort, timeline: Timeline) -> pd.DataFrame:
    """SUBJECT_ID, GENDER and DOB, one row a patient."""
    people = cohort.patients
    first = timeline.admissions.loc[timeline.admissions["visit"] == 0, "admitted"].to_numpy()
    shifted = (first - SHIFT).astype("datetime64[D]").astype("datetime64[s]")
    old = people["age_years"].to_numpy() >= OLDEST_PUBLISHED
    born = np.where(old, shifted, timeline.births["born"].to_numpy())
    return pd.DataFrame({"SUBJECT_ID": people["patient_id"], "GENDER": people["sex"], "DOB": text(born)})


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
    """ICD9_CODE and LONG_TITLE of every code of the cohort, ascending."""
    codes = np.sort(cohort.diagnoses["code"].unique().astype(str))
    return pd.DataFrame({"ICD9_CODE": codes, "LONG_TITLE": icd9.titles(codes)})


def text(seconds: np.ndarray) -> np.ndarray:
    """Points in time as MIMIC-III writes them.

    Example:
        >>> text(np.array(["1850-01-02T03:04:05"], dtype="datetime64[s]")).tolist()
        ['1850-01-02 03:04:05']
    """
    return np.char.replace(np.datetime_as_string(seconds, unit="s"), "T", " ")
