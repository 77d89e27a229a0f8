"""Patients as points: the same few coordinates for every cohort, learnt from training patients alone.

The embedding must not depend on what is judged, else a generator moves the yardstick; nor on the held-out patients,
else their own noise becomes a direction. Axes: P patients, D coordinates, V codes of training patients.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from ehrgen.data.cohort import Cohort
from ehrgen.metrics.cohorts import fingerprints, incidence
from ehrgen.metrics.cohorts.cache import remembered
from ehrgen.metrics.cohorts.handed_on import of_real_patients
from ehrgen.metrics.table.suite import NotJudged

COORDINATES = 32
BLOCK = 512
ROWS, COLUMNS = 256, 1024  # of a tile: 2 MB, which stay in the processor's cache
DIGITS = 9  # of squared distances: equal patients must be equally far, whatever the order of additions


@remembered
@of_real_patients
def basis(train: Cohort) -> Float[ndarray, "V D"]:
    """The leading right singular vectors of the patient x code matrix of `train`, codes in order.

    Raises:
        NotJudged: If there are too few patients or codes for two coordinates.
    """
    from scipy.sparse.linalg import svds

    matrix = incidence.patient_codes(train, incidence.distinct_codes(train)).astype(float)
    coordinates = min(COORDINATES, min(matrix.shape) - 1)
    if coordinates < 2:
        raise NotJudged(
            f"{matrix.shape[0]} training patients with {matrix.shape[1]} codes are too few for an embedding"
        )
    start = np.random.default_rng(0).random(min(matrix.shape))  # of an iteration that ends in the same place
    return svds(matrix, k=coordinates, v0=start)[2].T


@remembered
@of_real_patients
def points(train: Cohort, cohort: Cohort) -> Float[ndarray, "P D"]:
    """Coordinates of each patient's codes; codes that no training patient has are left out."""
    return incidence.patient_codes(cohort, incidence.distinct_codes(train)) @ basis(train)


def squared_distances(first: Float[ndarray, "A D"], second: Float[ndarray, "B D"]) -> Iterator[Float[ndarray, "a B"]]:
    """Squared distances of successive blocks of `first` to all of `second`: never A x B at once."""
    length = (second**2).sum(axis=1)
    for start in range(0, len(first), BLOCK):
        block = first[start : start + BLOCK]
        squared = (block**2).sum(axis=1)[:, None] + length - 2 * block @ second.T
        yield rounded(squared)


def tiles(
    first: Float[ndarray, "A D"], second: Float[ndarray, "B D"]
) -> Iterator[tuple[slice, slice, Float[ndarray, "a b"]]]:
    """Squared distances of some of `first` to some of `second`, tile by tile; the next tile overwrites the last one.

    As they come out of one matrix product, not rounded: a few of 10^-16 off, and below 0 by as much. Who compares them
    takes out what is near enough and rounds that (see `rounded`).
    """
    ours = np.column_stack([-2 * first, (first**2).sum(axis=1), np.ones(len(first))])
    theirs = np.column_stack([second, np.ones(len(second)), (second**2).sum(axis=1)]).T.copy()
    room = np.empty(ROWS * COLUMNS)
    for top in range(0, len(first), ROWS):
        rows = slice(top, min(top + ROWS, len(first)))
        for left in range(0, len(second), COLUMNS):
            columns = slice(left, min(left + COLUMNS, len(second)))
            shape = (rows.stop - rows.start, columns.stop - columns.start)
            tile = room[: shape[0] * shape[1]].reshape(shape)
            np.dot(ours[rows], theirs[:, columns], out=tile)
            yield rows, columns, tile


def rounded(squared: Float[ndarray, "..."]) -> Float[ndarray, "..."]:
    """Squared distances fit to be compared: equal for equal patients."""
    return np.maximum(squared, 0).round(DIGITS)


@remembered
@of_real_patients
def median_distance(train: Cohort) -> float:
    """Median squared distance between two of 1,000 training patients: the scale of the embedding.

    Raises:
        NotJudged: If it is 0, as most training patients are the same.
    """
    some = points(train, train)[fingerprints.subset(train, 1000)]
    squared = np.concatenate(list(squared_distances(some, some)))
    median = float(np.median(squared[np.triu_indices(len(squared), k=1)])) if len(squared) > 1 else 0.0
    if median == 0:
        raise NotJudged("most pairs of training patients have the same codes: distances between patients have no scale")
    return median
