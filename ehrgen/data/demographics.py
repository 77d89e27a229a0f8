"""Whom to generate: people of an age and a sex asked for, or of a table."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from ehrgen.data.cohort import SEXES
from ehrgen.data.quality import OLDEST_PUBLISHED

AGE_FORM = r"(\d+(?:\.\d+)?)(?:-(\d+(?:\.\d+)?))?"


class DemographicsError(ValueError):
    """People that cannot be generated; the message says what was asked for and what can be."""


def people(patients: int, age: str, sex: str | None, rng: np.random.Generator) -> pd.DataFrame:
    """`patients` rows (sex, age_years): that age, or evenly between two; that sex, or both by the flip of a coin.

    Raises:
        DemographicsError: If the number, the age or the sex is none.
    """
    if patients < 1:
        raise DemographicsError(f"--patients {patients}: ask for at least one")
    if sex is not None and sex not in SEXES:
        raise DemographicsError(f"--sex {sex}: unknown; known are {', '.join(SEXES)}, and both where it is left out")
    low, high = ages(age)
    drawn = rng.uniform(low, high, patients)
    return pd.DataFrame({"sex": rng.choice(SEXES, patients) if sex is None else sex, "age_years": drawn})


def ages(text: str) -> tuple[float, float]:
    """Both ends of an age or a range of ages, in years from 0 to 90; 90 is everyone over 89.

    Raises:
        DemographicsError: If it is neither, or lies outside.

    Example:
        >>> ages("65"), ages("0.5-2")
        ((65.0, 65.0), (0.5, 2.0))
    """
    found = re.fullmatch(AGE_FORM, text, re.ASCII)
    if not found:
        raise DemographicsError(f"--age {text}: no age in years; write 65 or 60-70")
    low, high = float(found[1]), float(found[2] or found[1])
    if not low <= high <= OLDEST_PUBLISHED:
        raise DemographicsError(f"--age {text}: ages run from 0 to 90, low-high; 90 stands for everyone over 89")
    return low, high


def table(path: Path) -> pd.DataFrame:
    """The people of a parquet file with the columns sex and age_years; `learning.sampling` checks and draws them.

    Raises:
        DemographicsError: If the file cannot be read, or somebody is older than 90.
    """
    try:
        found = pd.read_parquet(path)
    except (OSError, pa.ArrowException) as error:
        raise DemographicsError(f"--table {path}: not readable as parquet: {error}") from error
    if "age_years" in found and (old := pd.to_numeric(found["age_years"], errors="coerce") > OLDEST_PUBLISHED).any():
        raise DemographicsError(
            f"--table {path}: {int(old.sum())} of {len(found)} ages over 90; write 90 for everyone over 89"
        )
    return found
