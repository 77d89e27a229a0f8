"""The plain path: distances of every patient from every other in one table, to compare the quicker one with."""

import numpy as np
from scipy import sparse

from ehrgen.metrics.cohorts.neighbours import BANDWIDTH, GRID


def distances(queries: sparse.csr_array, references: sparse.csr_array) -> np.ndarray:
    """[P, Q] Jaccard's distance of each query from each reference; two of whom nothing is known are alike."""
    shared = (queries @ references.T).toarray().astype(np.float32)
    either = (queries.sum(axis=1)[:, None] + references.sum(axis=1) - shared).astype(np.float32)
    shared[either == 0] = either[either == 0] = 1
    return 1 - shared / either


def nearness(
    queries: sparse.csr_array, references: sparse.csr_array, themselves: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The distance of the nearest reference, and the density of the references, at each query."""
    table = distances(queries, references)
    density = np.rint(np.exp(-table / BANDWIDTH) * GRID).sum(axis=1, dtype=np.float64) / GRID
    if themselves:
        np.fill_diagonal(table, np.inf)
    return table.min(axis=1).astype(np.float64), density - themselves


def nearest_mean(queries: sparse.csr_array, references: sparse.csr_array, traits: sparse.csr_array) -> np.ndarray:
    """[P, K] the mean traits of the references nearest to each query, all ties counted alike."""
    table = distances(queries, references)
    tied = (table == table.min(axis=1, keepdims=True)).astype(np.float64)
    return (tied @ traits.toarray()) / tied.sum(axis=1, keepdims=True)
