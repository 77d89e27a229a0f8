"""What somebody who knows a patient's sex, age bracket and common codes learns about their rare ones.

They look for the patients who agree best with what they know, all ties alike, and take over the codes these have.
Axes: P victims, Q references, E elements as in `neighbours`.
"""

import numpy as np
from jaxtyping import Bool
from numpy import ndarray
from scipy import sparse

from ehrgen.metrics.cohorts import neighbours

COMMON = 100  # codes held to be known; the rest is what has to be guessed


def hidden(*real: sparse.csr_array) -> Bool[ndarray, " E"]:
    """Which elements are to be guessed: all codes but the 100 commonest of these patients together."""
    patients = np.sum([sets.sum(axis=0) for sets in real], axis=0)
    patients[: neighbours.FIRST_CODE_COLUMN] = np.inf  # sex and age are known
    by_count = np.argsort(-patients, kind="stable")
    rare = np.full(len(patients), True)
    rare[by_count[: neighbours.FIRST_CODE_COLUMN + COMMON]] = False
    return rare


def f1(victims: sparse.csr_array, references: sparse.csr_array, hidden: Bool[ndarray, " E"]) -> float:
    """F1 of the guessed elements over all victims, 0 to 1.

    An element that a share of the nearest has is guessed with that share, so counts are expected ones.

    Raises:
        ValueError: If no victim has anything to hide.
    """
    truth = victims[:, hidden]
    if truth.nnz == 0:
        raise ValueError(f"none of {victims.shape[0]} victims has a hidden element: nothing to infer")
    hits, guessed = 0.0, 0.0
    for rows, share in neighbours.nearest_mean(victims[:, ~hidden], references[:, ~hidden], references[:, hidden]):
        hits += float(truth[rows].multiply(share).sum())
        guessed += float(share.sum())
    return 2 * hits / (guessed + truth.nnz)
