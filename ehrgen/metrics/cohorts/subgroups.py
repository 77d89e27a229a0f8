"""Patients by sex and age bracket at the first visit; a subgroup is one of each, as one number.

Axes: P patients, N visits or patients, V codes.
"""

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy import sparse

from ehrgen.data.cohort import AGE_BRACKETS, SEXES, Cohort, age_bracket
from ehrgen.data.indicator import membership
from ehrgen.metrics.table.suite import NotJudged

SUBGROUPS = len(SEXES) * len(AGE_BRACKETS)


def sex_of(cohort: Cohort) -> Int[ndarray, " P"]:
    """Index into SEXES of each patient.

    Raises:
        NotJudged: If nobody's sex is known.
    """
    if not cohort.has_sex:
        raise NotJudged("not applicable: the sex of the patients is unknown")
    return np.searchsorted(SEXES, cohort.patients["sex"].to_numpy(dtype=str))


def bracket_of(cohort: Cohort) -> Int[ndarray, " P"]:
    """Index into AGE_BRACKETS of each patient.

    Raises:
        NotJudged: If nobody's age is known.
    """
    if not cohort.has_age:
        raise NotJudged("not applicable: the age of the patients is unknown")
    return age_bracket(cohort.patients["age_years"].to_numpy())


def subgroup_of(cohort: Cohort) -> Int[ndarray, " P"]:
    """Sex and age bracket of each patient: len(AGE_BRACKETS) x sex + bracket, 0 to SUBGROUPS - 1.

    Raises:
        NotJudged: If nobody's sex or nobody's age is known.
    """
    return sex_of(cohort) * len(AGE_BRACKETS) + bracket_of(cohort)


def shares_by_subgroup(rows: sparse.csr_array, subgroup: Int[ndarray, " N"]) -> Float[ndarray, "subgroups V"]:
    """Share of the rows of each subgroup that have each code; 0 in a subgroup without any."""
    size = np.bincount(subgroup, minlength=SUBGROUPS)
    return (membership(subgroup, SUBGROUPS) @ rows).toarray() / np.maximum(size, 1)[:, None]
