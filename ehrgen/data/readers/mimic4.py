"""MIMIC-IV: hosp/patients, admissions and diagnoses_icd, as .csv or .csv.gz, become a Cohort by the rules of MIMIC-III.

A patient is born on the first of January of anchor_year - anchor_age; an anchor_age over 89 is 90 at every visit, as
nobody knows more. Rows with icd_version 10 stop the reader where they are more than the few that are dropped;
`read_mapped` translates them instead by the General Equivalence Mappings (see `icd9.equivalents`).

Source:
    Johnson et al. (2023), MIMIC-IV, a freely accessible electronic health record dataset.
    https://doi.org/10.1038/s41597-022-01899-x
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ehrgen.data.cohort import Cohort
from ehrgen.data.disclosure import OLDEST_PUBLISHED
from ehrgen.data.icd9 import codes as icd9
from ehrgen.data.icd9.equivalents import as_icd9
from ehrgen.data.readers.mimic3 import cohort_of_tables
from ehrgen.data.readers.quality import TOLERATED, Quality, refuse
from ehrgen.data.readers.tables import Table

SHIFT = 300  # years that MIMIC-III puts between birth and first admission of patients over 89
UNTRANSLATED = 0.05  # share of ICD-10 codes without an equivalent that is dropped; codes newer than 2018 have none
MAPPED = "mimic4_mapped"


def read(place: Path | Sequence[Path]) -> tuple[Cohort, Quality]:
    """The cohort of MIMIC-IV's diagnoses in ICD-9-CM, and what became of its rows; every patient is unassigned.

    Raises:
        ReaderError: If a table is missing, empty or damaged, or its content cannot be trusted, or is ICD-10.
    """
    return _read(place, Quality("mimic4"), mapped=False)


def read_mapped(place: Path | Sequence[Path]) -> tuple[Cohort, Quality]:
    """As `read`, ICD-10-CM codes translated: one of them may become several ICD-9-CM codes of the same place.

    Raises:
        ReaderError: As `read`; or if too many ICD-10 codes have no equivalent.
    """
    return _read(place, Quality(MAPPED), mapped=True)


def tables(place: Path | Sequence[Path]) -> Path | Sequence[Path]:
    """Where the tables lie: in the subfolder hosp of a folder that has one."""
    return place / "hosp" if isinstance(place, Path) and (place / "hosp").is_dir() else place


def _read(place: Path | Sequence[Path], quality: Quality, mapped: bool) -> tuple[Cohort, Quality]:
    place = tables(place)
    people = Table.read(place, "patients", ("subject_id", "gender", "anchor_age", "anchor_year"))
    stays = Table.read(place, "admissions", ("subject_id", "hadm_id", "admittime"))
    coded = Table.read(place, "diagnoses_icd", ("subject_id", "hadm_id", "seq_num", "icd_code", "icd_version"))
    coded = Table(coded.path, _in_icd9(coded, quality, mapped))
    return cohort_of_tables(people, _births(people, quality), stays, coded, "icd_code", quality), quality


def _births(people: Table, quality: Quality) -> pd.Series:
    age, year = people.integers("anchor_age"), people.integers("anchor_year")
    where, remedy = people.where("anchor_age"), "take the published table"
    refuse(int(((age < 0) | (age > 120)).sum()), len(age), where, "are no ages", remedy)
    refuse(int((~year.between(1800, 2300)).sum()), len(year), people.where("anchor_year"), "are no years", remedy)
    old = age >= OLDEST_PUBLISHED
    quality.kept["patients with an anchor_age over 89, 90 at every visit"] = int(old.sum())
    born = year - age.where(~old, SHIFT)
    return pd.to_datetime(born.astype("str") + "-01-01").astype("datetime64[s]")


def _in_icd9(coded: Table, quality: Quality, mapped: bool) -> pd.DataFrame:
    """The rows of diagnoses_icd whose code is in ICD-9-CM, or is translated into it."""
    version, where = coded.integers("icd_version"), coded.where("icd_version")
    remedy = "keep admissions coded in ICD-9"
    refuse(int((~version.isin([9, 10])).sum()), len(version), where, "are neither 9 nor 10", "take the published table")
    ten = version == 10
    if not mapped:
        quality.dropped["diagnoses in ICD-10"] = refuse(
            int(ten.sum()), len(ten), where, "are 10 (ICD-10)", f"{remedy}, or take {MAPPED} as source", TOLERATED
        )
        return coded.rows[~ten]
    equivalents = as_icd9(icd9.normalise(coded.rows.loc[ten, "icd_code"]))
    without = int(ten.sum()) - equivalents["row"].nunique()
    quality.dropped["diagnoses in ICD-10 without an equivalent"] = refuse(
        without, int(ten.sum()), coded.where("icd_code"), "have no equivalent in ICD-9-CM", remedy, UNTRANSLATED
    )
    quality.repaired["diagnoses translated from ICD-10"] = int(ten.sum()) - without
    translated = coded.rows.loc[equivalents["row"]].assign(icd_code=equivalents["code"].to_numpy())
    rows = pd.concat([coded.rows[~ten], translated])
    return rows.iloc[np.argsort(rows.index.to_numpy(), kind="stable")].reset_index(drop=True)
