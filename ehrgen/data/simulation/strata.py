"""Demographic strata: sex x age group, the groups nested in the age brackets and in the age edits.

Because a group lies within one bracket, probabilities by stratum add up to probabilities by bracket; because
every age edit holds for all of a group or for none of it, a stratum says which codes its patients can have.
"""

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from ehrgen.data.cohort import AGE_BRACKETS, SEXES, CohortError, age_bracket
from ehrgen.data.disclosure import OLDEST_PUBLISHED
from ehrgen.data.icd9 import codes as icd9

# Lower edges in years: newborn (age 0), infant of a day or more, 1, 2 to 5, ...
GROUPS = np.array([0, 1 / 400, 1, 2, 6, 12, 15, 18, 25, 30, 35, 40, 45, 50, 56, 60, 65, 70, 75, 80, 85, 90])
NEWBORN, INFANT = 0, 1
STRATA = len(GROUPS) * len(SEXES)


def stratum_of(sex: ndarray | pd.Series, age_years: ndarray | pd.Series) -> Int[ndarray, " N"]:
    """The stratum of each patient, 0 to STRATA - 1: len(SEXES) x age group + sex.

    Example:
        >>> stratum_of(np.array(["F", "M", "F"]), np.array([0.0, 0.0, 17.5])).tolist()
        [0, 1, 12]
    """
    group = np.searchsorted(GROUPS, np.asarray(age_years), side="right") - 1
    return group * len(SEXES) + (np.asarray(sex) == SEXES[1])


def group_of(strata: Int[ndarray, " N"]) -> Int[ndarray, " N"]:
    """The age group of each stratum."""
    return strata // len(SEXES)


def sex_of(strata: Int[ndarray, " N"]) -> ndarray:
    """The sex of each stratum."""
    return np.array(SEXES)[strata % len(SEXES)]


def as_infants(strata: Int[ndarray, " N"]) -> Int[ndarray, " N"]:
    """The same strata, but a newborn's becomes that of an infant: whom a newborn is at the next visit."""
    return strata + len(SEXES) * (INFANT - NEWBORN) * (group_of(strata) == NEWBORN)


def strata_of(wanted_sex: str | None, bracket: int | None) -> Bool[ndarray, " strata"]:
    """Which strata are of this sex and this age bracket (index into AGE_BRACKETS); None for all.

    Raises:
        CohortError: If the sex or the bracket does not exist.
    """
    if wanted_sex not in (None, *SEXES) or bracket not in (None, *range(len(AGE_BRACKETS))):
        raise CohortError(
            f"sex {wanted_sex!r}, age bracket {bracket!r}: expected one of {', '.join(SEXES)} and an index "
            f"from 0 to {len(AGE_BRACKETS) - 1}, or None for all"
        )
    every = np.arange(STRATA)
    of_sex = (sex_of(every) == wanted_sex) | (wanted_sex is None)
    return of_sex & ((age_bracket(GROUPS)[group_of(every)] == bracket) | (bracket is None))


def allowed_codes(codes: ndarray) -> Bool[ndarray, "strata V"]:
    """Which codes the sex and age edits leave to each stratum."""
    demand = icd9.edits(codes)
    first = np.floor(GROUPS)[:, None]
    last = np.maximum(np.ceil(np.append(GROUPS[1:], OLDEST_PUBLISHED + 1)) - 1, 0)[:, None]
    ages = (first >= demand["age_min"].to_numpy()) & (last <= demand["age_max"].to_numpy())
    required = demand["sex_required"].to_numpy(dtype="U1")
    sexes = np.stack([(required == "") | (required == sex) for sex in SEXES])
    return (ages[:, None] & sexes[None]).reshape(STRATA, -1)


def ages_of(groups: Int[ndarray, " N"], rng: np.random.Generator) -> Float[ndarray, " N"]:
    """An age of each group: 0 for a newborn, months for an infant, else whole years, all equally likely."""
    last = np.append(GROUPS[1:], OLDEST_PUBLISHED + 1)[groups]
    u = rng.random(len(groups))
    years = GROUPS[groups] + np.floor(u * (last - GROUPS[groups]))
    months = (1 + np.floor(u * 11)) / 12
    return np.select([groups == NEWBORN, groups == INFANT], [0.0, months], years)
