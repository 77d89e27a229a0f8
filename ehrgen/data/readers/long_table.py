"""Anybody's table of patient, visit and code, as .csv, .csv.gz or .parquet, becomes a cohort.

Columns by any of the names in COLUMNS, the first that is there; sex and age may be absent, and then are unknown of
everybody. One row is one diagnosis, or one visit whose codes are separated by `;`, `|` or blanks. Patients and visits
may have any names. Visits stand in the order of their numbers, of their dates, or else in that of the file; codes in
that of `position`, else of the file, and may occur twice in a visit. The age is that at the first visit.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from ehrgen.core.parquet import ParquetError, column_names, read_columns
from ehrgen.data.cohort import Cohort, cohort_of
from ehrgen.data.icd9 import codes as icd9
from ehrgen.data.readers.quality import Quality, ReaderError, publish_ages, refuse
from ehrgen.data.readers.spelling import usable_codes
from ehrgen.data.readers.tables import DATE, EMPTY, Table, header_of
from ehrgen.data.readers.visits import described

COLUMNS = {
    "patient": ("patient", "patient_id", "subject_id", "person_id", "subject", "id"),
    "visit": (
        "visit",
        "visit_id",
        "visit_num",
        "visit_number",
        "hadm_id",
        "visit_occurrence_id",
        "encounter_id",
        "time",
    ),
    "code": (
        *("code", "codes", "icd9_code", "icd_code", "icd9", "diagnosis_code", "diagnosis_codes", "diagnosis"),
        *("visit_codes", "condition_source_value"),
    ),
    "position": ("position", "seq_num"),
    "sex": ("sex", "gender"),
    "age": ("age", "age_years"),
}
NEEDED = ("patient", "visit", "code")
SEX_OF = {"M": "M", "MALE": "M", "F": "F", "FEMALE": "F"}
NUMBER = r"[0-9]{1,15}(?:\.0*)?"
AGE = r"[0-9]{1,3}(?:\.[0-9]*)?"


def read(path: Path, partial: bool = False) -> tuple[Cohort, Quality]:
    """The cohort of the table, ids 0, 1, ... in its order, and what became of its rows; every patient is unassigned.

    Args:
        partial: A table without sex or age is no error.

    Raises:
        ReaderError: If a column is missing, or its content cannot be trusted.
    """
    quality = Quality("long")
    rows = _rows(path)
    for role in NEEDED:
        empty = int((rows[role] == "").sum())
        refuse(empty if role != "code" else 0, len(rows), f"{path}: column {role}", "are empty", "fill them in")
    patient, names = pd.factorize(rows["patient"])
    rows = rows.assign(patient_id=patient, visit=_order(rows["visit"]), position=_order(rows["position"]))
    patients = _patients(rows, len(names), path, quality)
    separated = rows["code"].str.split(r"[;|\s]+", regex=True)
    rows = rows.assign(raw=separated).explode("raw", ignore_index=True)
    codes = icd9.normalise(rows["raw"])
    where = f"{path}: column code"
    rows = rows.assign(code=codes)[usable_codes(rows["raw"], codes, where, quality, not partial).to_numpy(dtype=bool)]
    rows = rows.assign(position=rows["position"] * len(rows) + np.arange(len(rows)))
    seen = patients["patient_id"].isin(rows["patient_id"])
    quality.dropped["patients without a diagnosis"] = int((~seen).sum())
    if not seen.any():
        raise ReaderError(f"{path}: no row has a code; give one diagnosis a row")
    patients = described(patients[seen], f"{path}: patients", quality, partial)
    patients = patients.assign(age_years=publish_ages(patients["age_years"], quality), split="unassigned")
    return cohort_of(patients, rows[rows["patient_id"].isin(patients["patient_id"])]), quality


def patient_names(path: Path) -> np.ndarray:
    """What the table calls each patient, by the id that `read` gives them.

    Raises:
        ReaderError: As `read`.
    """
    return pd.factorize(_rows(path)["patient"])[1].to_numpy(dtype=object)


def roles(header: list[str]) -> dict[str, str]:
    """Role -> name of the column that has it, for the roles that the header fills."""
    found = {role: next((name for name in names if name in header), "") for role, names in COLUMNS.items()}
    return {role: name for role, name in found.items() if name}


def _rows(path: Path) -> pd.DataFrame:
    """A text column a role, '' where the table says nothing; `position` of all rows is 0 without a column for it."""
    is_parquet = path.suffix == ".parquet"
    header = parquet_header(path) if is_parquet else header_of(path)
    found = roles([name.lower() for name in header])
    if missing := [role for role in NEEDED if role not in found]:
        known = "; ".join(f"{role}: {', '.join(COLUMNS[role])}" for role in missing)
        raise ReaderError(f"{path}: no column for {', '.join(missing)}; name one so ({known})")
    rows = _from_parquet(path, header, found) if is_parquet else Table.at(path, tuple(found.values())).rows
    rows = rows.set_axis(list(found), axis=1)
    absent = {role: "" if role != "position" else "0" for role in COLUMNS if role not in found}
    return rows.assign(**absent).astype("str")


def parquet_header(path: Path) -> list[str]:
    """The names of the columns of a parquet file.

    Raises:
        ReaderError: If it is none.
    """
    try:
        return column_names(path)
    except ParquetError as error:
        raise ReaderError(f"{path}: {error}; write it again") from None


def _from_parquet(path: Path, header: list[str], found: dict[str, str]) -> pd.DataFrame:
    names = {name.lower(): name for name in header}
    try:
        table = read_columns(path, [names[name] for name in found.values()])
    except ParquetError as error:
        raise ReaderError(f"{path}: {error}; write it again") from None
    kind = table.schema.field(names[found["code"]]).type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise ReaderError(f"{path}: column {found['code']} is {kind}, no text; a number has lost its leading zeros")
    try:
        columns = {role: table[names[name]].cast(pa.string()) for role, name in found.items()}
    except pa.ArrowException as error:
        raise ReaderError(f"{path}: a column is neither text nor numbers nor dates ({error}); write it again") from None
    text = {role: column.fill_null("").to_pandas() for role, column in columns.items()}
    clean = {role: column.astype("str").str.strip() for role, column in text.items()}
    return pd.DataFrame({role: column.where(~column.str.upper().isin(EMPTY), "") for role, column in clean.items()})


def _order(text: pd.Series) -> np.ndarray:
    """A number for each row that orders them: the value itself, the date, or where the value first occurs."""
    if text.str.fullmatch(NUMBER).all():
        return pd.factorize(text.astype("float64"), sort=True)[0]
    if text.str.fullmatch(DATE).all():
        return pd.factorize(pd.to_datetime(text, format="ISO8601"), sort=True)[0]
    return pd.factorize(text)[0]


def _patients(rows: pd.DataFrame, number: int, path: Path, quality: Quality) -> pd.DataFrame:
    """patient_id, sex ('' where unknown) and age_years (NaN where unknown) of every patient, as at the first visit."""
    first = rows.sort_values(["patient_id", "visit"], kind="stable").drop_duplicates("patient_id")
    unreadable = (rows["age"] != "") & ~rows["age"].str.fullmatch(AGE)
    refuse(int(unreadable.sum()), len(rows), f"{path}: column age", "are no ages", "write years, as 65 or 0.5")
    age = pd.to_numeric(first["age"].where(first["age"] != "", None)).astype("float64").to_numpy()
    refuse(int((age > 120).sum()), number, f"{path}: column age", "are over 120 years", "write 90 for all over 89")
    sex = first["sex"].str.upper().map(SEX_OF).fillna("").to_numpy()
    changes = rows.assign(sex=rows["sex"].str.upper()).drop_duplicates(["patient_id", "sex"])
    two = int(changes["patient_id"].duplicated().sum())
    refuse(two, number, f"{path}: column sex", "differ between rows of one patient", "give each patient one")
    return pd.DataFrame({"patient_id": np.arange(number), "sex": sex, "age_years": age})
