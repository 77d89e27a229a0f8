"""Patients by sex and age bracket at the first visit; a cell is one of each, as one number.

Axes: P patients, N visits or patients, V codes.
"""

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy import sparse

from ehrgen.data.cohort import AGE_BRACKETS, SEXES, Cohort, age_bracket

CELLS = len(SEXES) * len(AGE_BRACKETS)


def sex_of(cohort: Cohort) -> Int[ndarray, " P"]:
    """Index into SEXES of each patient."""
    return np.searchsorted(SEXES, cohort.patients["sex"].to_numpy(dtype=str))


def bracket_of(cohort: Cohort) -> Int[ndarray, " P"]:
    """Index into AGE_BRACKETS of each patient."""
    return age_bracket(cohort.patients["age_years"].to_numpy())


def cell_of(cohort: Cohort) -> Int[ndarray, " P"]:
    """Sex and age bracket of each patient: len(AGE_BRACKETS) x sex + bracket, 0 to CELLS - 1."""
    return sex_of(cohort) * len(AGE_BRACKETS) + bracket_of(cohort)


def by_cell(rows: sparse.csr_array, cell: Int[ndarray, " N"]) -> Float[ndarray, "cells V"]:
    """Share of the rows of each cell that have each code; 0 in a cell without any."""
    size = np.bincount(cell, minlength=CELLS)
    of_cell = sparse.csr_array((np.ones(len(cell)), (cell, np.arange(len(cell)))), shape=(CELLS, len(cell)))
    return (of_cell @ rows).toarray() / np.maximum(size, 1)[:, None]
