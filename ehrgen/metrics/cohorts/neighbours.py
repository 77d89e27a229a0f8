"""Who is near whom: patients as sets, compared with all others in blocks, never all at once.

A patient is the set of their sex, age bracket (where known) and the distinct codes of all visits; the distance is
Jaccard's, 1 - |shared| / |either|, 0 to 1. Equal fractions are equal numbers, so ties are exact. Axes: P, Q patients,
E elements.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from numpy import ndarray
from scipy import sparse

from ehrgen.data.cohort import AGE_BRACKETS, Cohort, age_bracket
from ehrgen.data.indicator import indicator
from ehrgen.metrics.cohorts.cache import remembered

BLOCK = 4_000_000  # pairs at a time: 16 MB a table
BANDWIDTH = 0.1  # of the density: a twin counts as much as 22,000 patients who share nothing
GRID = 2.0**20  # weights are whole multiples of 1 / GRID: sums are exact, whatever the order


@remembered
def elements(*cohorts: Cohort) -> tuple[sparse.csr_array, ...]:
    """One 0/1 matrix [P, E] a cohort, with the same columns: F, M, the age brackets, then codes in order."""
    codes = pd.concat([cohort.diagnoses["code"] for cohort in cohorts], ignore_index=True)
    which, distinct = pd.factorize(codes, sort=True)
    bounds = np.cumsum([0, *(len(cohort.diagnoses) for cohort in cohorts)])
    parts = zip(cohorts, bounds[:-1], bounds[1:], strict=True)
    return tuple(_sets(cohort, which[first:last], len(distinct)) for cohort, first, last in parts)


def _sets(cohort: Cohort, code: ndarray, codes: int) -> sparse.csr_array:
    people, n = cohort.patients, np.arange(len(cohort))
    owner = np.searchsorted(people["patient_id"], cohort.diagnoses["patient_id"])
    known = [(people["sex"] == "M").to_numpy(dtype=np.int64)] if cohort.has_sex else []
    known += [2 + age_bracket(people["age_years"].to_numpy())] if cohort.has_age else []
    row = np.concatenate([*(n for _ in known), owner])
    column = np.concatenate([*known, FIRST_CODE_COLUMN + code])
    return indicator(row, column, (len(n), FIRST_CODE_COLUMN + codes), np.float32)


FIRST_CODE_COLUMN = 2 + len(AGE_BRACKETS)


@dataclass(frozen=True)
class Nearness:
    """Of each query.

    Attributes:
        distance: To the nearest reference, 0 to 1; infinite if there is none.
        density: Sum over the references of exp(-distance / BANDWIDTH).
    """

    distance: Float[ndarray, " P"]
    density: Float[ndarray, " P"]


def nearness(queries: sparse.csr_array, references: sparse.csr_array, themselves: bool = False) -> Nearness:
    """How near the references are to each query.

    Args:
        themselves: The two are the same patients, and nobody is a neighbour of their own.
    """
    nearest, density = [], []
    for rows, distance in blocks(queries, references):
        weight = np.rint(np.exp(-distance / BANDWIDTH) * GRID).sum(axis=1, dtype=np.float64) / GRID
        if themselves:
            distance[np.arange(len(distance)), np.arange(rows.start, rows.stop)] = np.inf
            weight -= 1
        nearest.append(distance.min(axis=1))
        density.append(weight)
    return Nearness(np.concatenate(nearest).astype(np.float64), np.concatenate(density))


def nearest_mean(
    queries: sparse.csr_array, references: sparse.csr_array, traits: sparse.csr_array
) -> Iterator[tuple[slice, Float[ndarray, "b K"]]]:
    """Block by block, the mean traits [Q, K] of the references nearest to each query, all ties counted alike."""
    turned = traits.T.tocsr()
    for rows, distance in blocks(queries, references):
        tied: Bool[ndarray, "b Q"] = distance == distance.min(axis=1, keepdims=True)
        yield rows, (turned @ tied.T.astype(np.float32)).T / tied.sum(axis=1, keepdims=True)


def blocks(queries: sparse.csr_array, references: sparse.csr_array) -> Iterator[tuple[slice, Float[ndarray, "b Q"]]]:
    """The distances of all pairs, some queries at a time."""
    size, own = references.sum(axis=1).astype(np.float32), queries.sum(axis=1).astype(np.float32)
    turned, step = references.T.tocsr(), max(1, BLOCK // references.shape[0])
    for first in range(0, queries.shape[0], step):
        rows = slice(first, min(first + step, queries.shape[0]))
        both = (queries[rows] @ turned).toarray()
        either = own[rows, None] + size - both
        if not (size.all() and own.all()):  # two patients of whom nothing is known are alike
            both[either == 0] = either[either == 0] = 1
        yield rows, 1 - both / either
