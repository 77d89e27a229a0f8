"""Whom to generate: people of an age and a sex asked for."""

import re

import numpy as np
import pandas as pd

from ehrgen.data.cohort import SEXES
from ehrgen.data.disclosure import OLDEST_PUBLISHED

MARGIN = 0.01  # of a year
AGE_FORM = r"(\d+(?:\.\d+)?)(?:-(\d+(?:\.\d+)?))?"


class DemographicsError(ValueError):
    """People that cannot be generated; the message says what was asked for and what can be."""


def people(patients: int, age: str, sex: str | None, rng: np.random.Generator) -> pd.DataFrame:
    """`patients` rows (sex, age_years): evenly from that age or range; that sex, or both by the flip of a coin.

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
    """Youngest and oldest of an age or a range of ages, from 0 to 90 years; 0 is birth, 90 everyone over 89.

    A whole number is a completed year of life, all of it but three days at either end, within which ways of counting
    differ (calendar, or days over 365.25). With a decimal point it is exact.

    Raises:
        DemographicsError: If it is neither, or lies outside.

    Example:
        >>> ages("65"), ages("0.5-2")
        ((65.01, 65.99), (0.5, 2.99))
    """
    ages_written = re.fullmatch(AGE_FORM, text, re.ASCII)
    if not ages_written:
        raise DemographicsError(f"--age {text}: no age in years; write 65 or 60-70")
    low, high = ages_written[1], ages_written[2] or ages_written[1]
    if not float(low) <= float(high) <= OLDEST_PUBLISHED:
        raise DemographicsError(f"--age {text}: ages run from 0 to 90, low-high; 90 stands for everyone over 89")
    return _within_year(low, MARGIN), _within_year(high, 1 - MARGIN)


def _within_year(text: str, part: float) -> float:
    """`part` of the year of life that a whole number names; an exact age, birth and 90 as they are."""
    age = float(text)
    return age if "." in text or age in (0, OLDEST_PUBLISHED) else age + part
