"""National Hospital Discharge Survey: the fixed-width public-use file, plain or gzipped, becomes a Cohort.

One record is one discharge and records cannot be linked, so every patient has one visit. Survey weights are
left out. Deliveries carry their outcome (V27) first, by the survey's convention.

Source:
    NCHS, 2010 NHDS public-use file documentation. https://www.cdc.gov/nchs/nhds/
"""

from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import UInt8

from ehrgen.data.cohort import Cohort
from ehrgen.data.icd9 import codes as icd9
from ehrgen.data.readers.quality import ABSENT, TOLERATED, Quality, ReaderError, publish_ages, refuse
from ehrgen.data.readers.spelling import check_codes
from ehrgen.data.readers.tables import read_bytes

AGE_UNIT, AGE, SEX, DIAGNOSES = 3, slice(4, 6), 6, slice(27, 102)  # columns from 0
CODES, CODE_WIDTH = 15, 5
UNITS_PER_YEAR = {"1": 1.0, "2": 12.0, "3": 365.2425}  # years, months, days
SEX_OF = {"1": "M", "2": "F"}
REMEDY = "take the raw 2010 public-use file"


def read(file: Path) -> tuple[Cohort, Quality]:
    """The cohort of the file, ids 0, 1, ... by record, and what became of its records; all are unassigned.

    A code counts once a record; ages over 89 are published as 90, as for the other sources.

    Raises:
        ReaderError: If the file is missing, damaged or empty, or does not follow the layout of 2010.
    """
    quality = Quality("nhds")
    records = _records(file)
    age, sex = _age_years(records), pd.Series(_text(records[:, SEX : SEX + 1])).map(SEX_OF)
    bad_age, bad_sex = np.isnan(age), sex.isna().to_numpy()
    where = f"{file}: columns {{}} (from 0)"
    total = len(records)
    quality.dropped["discharges with an unreadable age"] = refuse(
        int(bad_age.sum()), total, where.format("3-5"), "are no ages", REMEDY, TOLERATED
    )
    quality.dropped["discharges with a sex other than 1 or 2"] = refuse(
        int(bad_sex.sum()), total, where.format("6"), "are no sexes", REMEDY, TOLERATED
    )
    diagnoses = _diagnoses(records, where.format("27-101"), quality)
    with_code = np.isin(np.arange(total), diagnoses["patient_id"])
    quality.dropped["discharges without a diagnosis"] = refuse(
        int((~with_code).sum()), total, where.format("27-101"), "hold no diagnosis", REMEDY, ABSENT
    )
    used = with_code & ~bad_age & ~bad_sex
    if not used.any():
        raise ReaderError(f"{file}: no discharge is left with age, sex and a diagnosis; {REMEDY}")
    patients = pd.DataFrame({"patient_id": np.arange(total), "sex": sex, "split": "unassigned"})[used]
    patients["age_years"] = publish_ages(pd.Series(age)[used], quality)
    return Cohort.from_rows(patients, diagnoses[used[diagnoses["patient_id"]]]), quality


def _records(file: Path) -> UInt8[np.ndarray, "records columns"]:
    """The file as a matrix of characters."""
    content = read_bytes(file).replace(b"\r\n", b"\n").rstrip(b"\n")
    if not content:
        raise ReaderError(f"{file}: no records; {REMEDY}")
    width = content.find(b"\n") + 1 or len(content) + 1
    characters = np.frombuffer(content + b"\n", dtype=np.uint8)
    if (characters >= 128).any():
        raise ReaderError(f"{file}: {int((characters >= 128).sum())} characters are not plain ASCII; {REMEDY}")
    lines = characters[: len(characters) // width * width].reshape(-1, width)
    if width <= DIAGNOSES.stop or lines.size < len(characters) or (lines[:, -1] != ord("\n")).any():
        raise ReaderError(
            f"{file}: the {content.count(10) + 1} lines are not records of one length of {DIAGNOSES.stop} "
            f"characters or more; {REMEDY}"
        )
    return lines


def _age_years(records: UInt8[np.ndarray, "records columns"]) -> np.ndarray:
    """Ages in years; NaN where unit or number cannot be read."""
    text = pd.Series(_text(records[:, AGE]))
    number = pd.to_numeric(text.where(text.str.fullmatch("[ 0-9][0-9]")))
    per_year = pd.Series(_text(records[:, AGE_UNIT : AGE_UNIT + 1])).map(UNITS_PER_YEAR)
    return (number / per_year).to_numpy(dtype=np.float64)


def _diagnoses(records: UInt8[np.ndarray, "records columns"], where: str, quality: Quality) -> pd.DataFrame:
    """patient_id (the record), visit 0, position and code of the fields that hold a code, no code twice."""
    fields = records[:, DIAGNOSES].reshape(-1, CODE_WIDTH)
    filled = np.flatnonzero(~np.isin(fields, [ord("-"), ord(" ")]).all(axis=1))
    which, distinct = pd.factorize(_text(fields[filled]))
    codes = pd.Series(distinct, dtype="str").str.rstrip("- ")
    formed = icd9.is_code(codes)[which]
    quality.dropped["diagnoses with a text that is no ICD-9-CM code"] = refuse(
        int((~formed).sum()), len(filled), where, "are no ICD-9-CM codes", REMEDY, TOLERATED
    )
    check_codes(codes.iloc[which[formed]], where)
    rows = pd.DataFrame({"patient_id": filled // CODES, "visit": 0, "position": filled % CODES})
    rows = rows.assign(code=codes.to_numpy()[which])[formed]
    repeat = rows.duplicated(["patient_id", "code"])
    quality.dropped["diagnoses that repeat a code of the discharge"] = int(repeat.sum())
    return rows[~repeat]


def _text(characters: UInt8[np.ndarray, "rows width"]) -> np.ndarray:
    """Each row of characters as one text."""
    rows = np.ascontiguousarray(characters)
    return rows.view(f"S{rows.shape[1]}").ravel().astype(f"U{rows.shape[1]}")
