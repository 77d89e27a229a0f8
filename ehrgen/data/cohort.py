"""The one type of patients, real or synthetic: schema, invariants, load and save.

On disk a folder of two parquet files:

`patients.parquet`
    patient_id  int64    unique, ascending
    sex         string   M or F
    age_years   float64  age at the first visit, 0 to 120 (over 89 is published as 90)
    split       string   one of SPLITS
`diagnoses.parquet`
    patient_id  int64    a row of patients
    visit       int32    0, 1, ... without gaps, in order of time
    position    int32    0, 1, ... without gaps within the visit
    code        string   ICD-9-CM without dot, upper case, leading zeros kept (0389, V3000, E8497)

Every patient has at least one diagnosis; rows are sorted by (patient_id, visit, position).
A code may occur twice in one visit: real data do that, and metrics count it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from ehrgen.core.files import replacing
from ehrgen.core.parquet import ParquetError, read_columns

SEXES = ("F", "M")
UNKNOWN_SEX = "U"
SPLITS = ("train", "validation", "heldout", "heldout2", "synthetic", "unassigned")
AGE_EDGES = (2, 12, 18, 40, 65)
AGE_BRACKETS = ("0-2", "2-12", "12-18", "18-40", "40-65", "65+")
CODE_PATTERN = r"(?:[0-9]{3}|V[0-9]{2}|E[0-9]{3})[0-9]{0,2}"

PATIENT_COLUMNS = {"patient_id": "int64", "sex": "str", "age_years": "float64", "split": "str"}
DIAGNOSIS_COLUMNS = {"patient_id": "int64", "visit": "int32", "position": "int32", "code": "str"}


class CohortError(ValueError):
    """A cohort that breaks its schema; the message says which invariant, how often, and where from."""


def age_bracket(age_years: np.ndarray) -> np.ndarray:
    """Index into AGE_BRACKETS of each age in years; lower edges belong to the bracket they open.

    Example:
        >>> age_bracket(np.array([0.0, 2.0, 17.9, 65.0])).tolist()
        [0, 1, 2, 5]
    """
    return np.searchsorted(np.asarray(AGE_EDGES), age_years, side="right")


@dataclass(frozen=True)
class Cohort:
    """Patients and their diagnoses; construction checks every invariant of the module's docstring."""

    patients: pd.DataFrame
    diagnoses: pd.DataFrame

    def __post_init__(self) -> None:
        _check_people(self.patients)
        _check_records(self.patients, self.diagnoses)

    def __len__(self) -> int:
        return len(self.patients)

    @property
    def has_sex(self) -> bool:
        return True

    @property
    def has_age(self) -> bool:
        return True

    def without(self, sex: bool, age: bool) -> "Cohort":
        """The same patients, of whom the sex, the age or both are unknown; they themselves if nothing is taken."""
        taken: dict[str, str | float] = {"sex": UNKNOWN_SEX} if sex else {}
        taken |= {"age_years": np.nan} if age else {}
        return cohort_of(self.patients.assign(**taken), self.diagnoses) if taken else self

    @classmethod
    def from_rows(cls, patients: pd.DataFrame, diagnoses: pd.DataFrame) -> Self:
        """The cohort of these rows in any order: typed, sorted, visits and positions renumbered from 0.

        `visit` and `position` may hold any sortable numbers that order visits and codes; ties keep row order.
        """
        patients = patients[list(PATIENT_COLUMNS)].astype(PATIENT_COLUMNS).sort_values("patient_id")
        rows = diagnoses.sort_values(["patient_id", "visit", "position"], kind="stable")
        visit = rows.groupby("patient_id")["visit"].rank(method="dense").astype("int32") - 1
        rows = rows.assign(visit=visit)
        rows["position"] = rows.groupby(["patient_id", "visit"]).cumcount()
        rows = rows[list(DIAGNOSIS_COLUMNS)].astype(DIAGNOSIS_COLUMNS)
        return cls(patients.reset_index(drop=True), rows.reset_index(drop=True))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The cohort saved in `folder`.

        Raises:
            CohortError: If a file is missing or the content breaks an invariant.
        """
        for name in ("patients.parquet", "diagnoses.parquet"):
            if not (folder / name).exists():
                raise CohortError(f"{folder}: {name} is missing; a cohort is written by `ingest` or `sample`")
        try:
            tables = [read_columns(folder / f"{table}.parquet").to_pandas() for table in ("patients", "diagnoses")]
        except ParquetError as error:
            raise CohortError(f"{folder}: {error}; write it again by `ingest` or `sample`") from None
        try:
            return cls(*tables)
        except CohortError as error:
            raise CohortError(f"{folder}: {error}; write it again by `ingest` or `sample`") from None

    def save(self, folder: Path) -> None:
        """Write the two parquet files; an older cohort in `folder` is replaced once they are complete."""
        with replacing(folder) as temporary:
            temporary.mkdir()
            self.patients.to_parquet(temporary / "patients.parquet", index=False)
            self.diagnoses.to_parquet(temporary / "diagnoses.parquet", index=False)

    def take(self, patient_ids: Sequence[int] | np.ndarray) -> Self:
        """The sub-cohort of these patients, in ascending id."""
        keep = self.patients["patient_id"].isin(patient_ids)
        rows = self.diagnoses["patient_id"].isin(patient_ids)
        return type(self)(self.patients[keep].reset_index(drop=True), self.diagnoses[rows].reset_index(drop=True))

    def of_split(self, split: str) -> Self:
        """The sub-cohort of one split.

        Raises:
            CohortError: If no patient belongs to it.
        """
        chosen = self.patients.loc[self.patients["split"] == split, "patient_id"].to_numpy()
        if len(chosen) == 0:
            present = ", ".join(sorted(self.patients["split"].unique()))
            raise CohortError(f"no patient in split '{split}'; splits present: {present}")
        return self.take(chosen)

    def sample(self, patients: int, rng: np.random.Generator) -> Self:
        """`patients` of the cohort drawn without replacement.

        Raises:
            CohortError: If the cohort is smaller than that.
        """
        if patients > len(self):
            raise CohortError(f"cannot draw {patients} patients from a cohort of {len(self)}")
        return self.take(rng.choice(self.patients["patient_id"].to_numpy(), size=patients, replace=False))

    def resample(self, rows: np.ndarray, split: str = "synthetic") -> Self:
        """The cohort of the patients at these row numbers, repeats allowed, with new ids 0, 1, ..."""
        first = np.searchsorted(self.diagnoses["patient_id"], self.patients["patient_id"], side="left")
        last = np.searchsorted(self.diagnoses["patient_id"], self.patients["patient_id"], side="right")
        length = (last - first)[rows]
        starts = np.repeat(first[rows] - np.concatenate([[0], np.cumsum(length)[:-1]]), length)
        diagnoses = self.diagnoses.iloc[starts + np.arange(length.sum())].reset_index(drop=True)
        diagnoses["patient_id"] = np.repeat(np.arange(len(rows)), length)
        patients = self.patients.iloc[rows].reset_index(drop=True)
        patients["patient_id"] = np.arange(len(rows))
        patients["split"] = split
        return type(self)(patients, diagnoses)

    def with_split(self, shares: dict[str, float], rng: np.random.Generator) -> Self:
        """The same patients with `split` assigned at random by patient; every split gets at least one.

        Raises:
            CohortError: If there are fewer patients than splits.
        """
        if len(self) < len(shares):
            raise CohortError(f"cannot split {len(self)} patients into {len(shares)} parts")
        sizes = np.maximum(1, np.floor(np.array(list(shares.values())) * len(self)).astype(int))
        sizes[np.argmax(sizes)] += len(self) - sizes.sum()
        labels = np.repeat(np.array(list(shares), dtype=object), sizes)
        patients = self.patients.assign(split=pd.Series(rng.permutation(labels), dtype="str"))
        return type(self)(patients, self.diagnoses)


@dataclass(frozen=True)
class UndescribedCohort(Cohort):
    """Patients of whom nobody's sex is known (all are UNKNOWN_SEX), or nobody's age (all are NaN), or neither.

    To be judged only: nothing that trains or generates makes or loads one.
    """

    def __post_init__(self) -> None:
        unknown: dict[str, str | float] = {} if self.has_sex else {"sex": SEXES[0]}
        unknown |= {} if self.has_age else {"age_years": 0.0}
        _check_people(self.patients.assign(**unknown))
        _check_records(self.patients, self.diagnoses)

    @property
    def has_sex(self) -> bool:
        return not (self.patients["sex"] == UNKNOWN_SEX).all()

    @property
    def has_age(self) -> bool:
        return not self.patients["age_years"].isna().all()


def cohort_of(patients: pd.DataFrame, diagnoses: pd.DataFrame) -> Cohort:
    """As `Cohort.from_rows`; an UndescribedCohort where sex or age is known of nobody."""
    known = not (patients["sex"] == UNKNOWN_SEX).all() and not patients["age_years"].isna().all()
    return (Cohort if known else UndescribedCohort).from_rows(patients, diagnoses)


def _check_people(patients: pd.DataFrame) -> None:
    _check_columns("patients", patients, PATIENT_COLUMNS)
    if len(patients) == 0:
        raise CohortError("patients: no rows; a cohort has at least one patient")
    ids = patients["patient_id"].to_numpy()
    age = patients["age_years"].to_numpy()
    _refuse(np.append(False, np.diff(ids) <= 0), "patients.patient_id must be unique and ascending")
    _refuse(~patients["sex"].isin(SEXES).to_numpy(), "patients.sex must be M or F")
    _refuse(~((age >= 0) & (age <= 120)), "patients.age_years must lie in 0 to 120")
    _refuse(~patients["split"].isin(SPLITS).to_numpy(), f"patients.split must be one of {', '.join(SPLITS)}")


def _check_records(patients: pd.DataFrame, diagnoses: pd.DataFrame) -> None:
    _check_columns("diagnoses", diagnoses, DIAGNOSIS_COLUMNS)
    ids = patients["patient_id"].to_numpy()
    owner = diagnoses["patient_id"].to_numpy()
    visit, position = diagnoses["visit"].to_numpy(), diagnoses["position"].to_numpy()
    _refuse(~np.isin(owner, ids), "diagnoses.patient_id must occur in patients")
    _refuse(~np.isin(ids, owner), "every patient must have a diagnosis")
    new_patient = np.append(True, owner[1:] != owner[:-1])
    new_visit = new_patient | np.append(True, visit[1:] != visit[:-1])
    before = lambda values: np.append(0, values[:-1])  # noqa: E731
    _refuse(np.append(False, np.diff(owner) < 0), "diagnoses must be sorted by patient_id")
    expected_visit = np.where(new_patient, 0, before(visit) + new_visit)
    _refuse(visit != expected_visit, "diagnoses.visit must count 0, 1, ... within a patient")
    expected_position = np.where(new_visit, 0, before(position) + 1)
    _refuse(position != expected_position, "diagnoses.position must count 0, 1, ... within a visit")
    codes = diagnoses["code"].astype("category")
    good = pd.Series(codes.cat.categories, dtype="str").str.fullmatch(CODE_PATTERN).to_numpy(dtype=bool)
    _refuse(~good[codes.cat.codes.to_numpy()], "diagnoses.code must be an ICD-9-CM code without dot")


def _check_columns(table: str, frame: pd.DataFrame, columns: dict[str, str]) -> None:
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise CohortError(f"{table}: column {', '.join(missing)} missing; found {', '.join(map(str, frame.columns))}")
    for name, kind in columns.items():
        dtype = frame[name].dtype
        if frame[name].isna().any():
            raise CohortError(f"{table}.{name}: {int(frame[name].isna().sum())} empty values")
        if not (pd.api.types.is_string_dtype(dtype) if kind == "str" else dtype == kind):
            raise CohortError(f"{table}.{name}: expected {kind}, found {dtype}")


def _refuse(bad: np.ndarray, rule: str) -> None:
    if bad.any():
        raise CohortError(f"{rule}; broken by {int(bad.sum())} of {len(bad)} rows, first at row {int(np.argmax(bad))}")
