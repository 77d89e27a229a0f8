"""Demographic cells: sex x age group, the groups nested in the age brackets and in the age edits.

Because a group lies within one bracket, probabilities by cell add up to probabilities by bracket; because
every age edit holds for all of a group or for none of it, a cell says which codes its patients can have.
"""

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from ehrgen.data.cohort import AGE_BRACKETS, SEXES, CohortError, age_bracket
from ehrgen.data.icd9 import codes as icd9

# Lower edges in years: newborn (age 0), infant of a day or more, 1, 2 to 5, ...
GROUPS = np.array([0, 1 / 400, 1, 2, 6, 12, 15, 18, 25, 30, 35, 40, 45, 50, 56, 60, 65, 70, 75, 80, 85, 90])
NEWBORN, INFANT = 0, 1
OLDEST = 90  # the age published for all who are older
CELLS = len(GROUPS) * len(SEXES)


def cell(sex: ndarray | pd.Series, age_years: ndarray | pd.Series) -> Int[ndarray, " N"]:
    """The cell of each patient, 0 to CELLS - 1: len(SEXES) x age group + sex.

    Example:
        >>> cell(np.array(["F", "M", "F"]), np.array([0.0, 0.0, 17.5])).tolist()
        [0, 1, 12]
    """
    group = np.searchsorted(GROUPS, np.asarray(age_years), side="right") - 1
    return group * len(SEXES) + (np.asarray(sex) == SEXES[1])


def group(cells: Int[ndarray, " N"]) -> Int[ndarray, " N"]:
    """The age group of each cell."""
    return cells // len(SEXES)


def sex(cells: Int[ndarray, " N"]) -> ndarray:
    """The sex of each cell."""
    return np.array(SEXES)[cells % len(SEXES)]


def infant(cells: Int[ndarray, " N"]) -> Int[ndarray, " N"]:
    """The same cells, but a newborn's becomes that of an infant: whom a newborn is at the next visit."""
    return cells + len(SEXES) * (INFANT - NEWBORN) * (group(cells) == NEWBORN)


def belongs(wanted_sex: str | None, bracket: int | None) -> Bool[ndarray, " cells"]:
    """Which cells are of this sex and this age bracket (index into AGE_BRACKETS); None for all.

    Raises:
        CohortError: If the sex or the bracket does not exist.
    """
    if wanted_sex not in (None, *SEXES) or bracket not in (None, *range(len(AGE_BRACKETS))):
        raise CohortError(
            f"sex {wanted_sex!r}, age bracket {bracket!r}: expected one of {', '.join(SEXES)} and an index "
            f"from 0 to {len(AGE_BRACKETS) - 1}, or None for all"
        )
    every = np.arange(CELLS)
    of_sex = (sex(every) == wanted_sex) | (wanted_sex is None)
    return of_sex & ((age_bracket(GROUPS)[group(every)] == bracket) | (bracket is None))


def allowed(codes: ndarray) -> Bool[ndarray, "cells V"]:
    """Which codes the sex and age edits leave to each cell."""
    demand = icd9.edits(codes)
    first = np.floor(GROUPS)[:, None]
    last = np.maximum(np.ceil(np.append(GROUPS[1:], OLDEST + 1)) - 1, 0)[:, None]
    ages = (first >= demand["age_min"].to_numpy()) & (last <= demand["age_max"].to_numpy())
    required = demand["sex_required"].to_numpy(dtype="U1")
    sexes = np.stack([(required == "") | (required == one) for one in SEXES])
    return (ages[:, None] & sexes[None]).reshape(CELLS, -1)


def ages(groups: Int[ndarray, " N"], rng: np.random.Generator) -> Float[ndarray, " N"]:
    """An age of each group: 0 for a newborn, months for an infant, else whole years, all equally likely."""
    last = np.append(GROUPS[1:], OLDEST + 1)[groups]
    u = rng.random(len(groups))
    years = GROUPS[groups] + np.floor(u * (last - GROUPS[groups]))
    months = (1 + np.floor(u * 11)) / 12
    return np.select([groups == NEWBORN, groups == INFANT], [0.0, months], years)
