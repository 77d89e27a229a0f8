"""What any two patients share, without looking at every two of them.

A patient is a set of elements. The few commonest elements, which would make nearly every two patients meet, are held as
bits; the others as sparse rows. Then there are two kinds of pair, and both are counted exactly:

    meeting   share a rare element: the sparse product of the rare parts lists them, some queries at a time
    apart     share none, which are most: what they share is told by their bits alone, so patients with the same bits
              and equally many elements are one group, and groups are compared in place of patients

Axes: P, Q patients, E elements, G, H groups of queries and of references, m pairs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from jaxtyping import Int, UInt32
from numpy import ndarray
from scipy import sparse

COMMON = 20  # elements held as bits: more leave fewer pairs that meet, and make more groups
WORK = 500_000  # pairs at a time, and steps of a product: some 20 MB


@dataclass(frozen=True)
class Sets:
    """Patients, their sets taken apart.

    Attributes:
        bits: The common elements of each patient.
        size: Number of all elements of each.
        rare: 0/1 matrix [P, E - COMMON] of the other elements.
    """

    bits: UInt32[ndarray, " P"]
    size: Int[ndarray, " P"]
    rare: sparse.csr_array

    @classmethod
    def of(cls, sets: sparse.csr_array, common: Int[ndarray, " c"]) -> Self:
        """Of a 0/1 matrix [P, E] and its columns that are held as bits."""
        held = sets[:, common].toarray().astype(np.uint32) << np.arange(len(common), dtype=np.uint32)
        others = np.setdiff1d(np.arange(sets.shape[1]), common)
        return cls(held.sum(axis=1, dtype=np.uint32), np.diff(sets.indptr), sets[:, others].astype(np.int32))

    @cached_property
    def groups(self) -> tuple["Groups", Int[ndarray, " P"]]:
        """Patients who are alike apart from their rare elements, and the group of each patient."""
        key = self.bits.astype(np.int64) << 32 | self.size
        _, first, group, patients = np.unique(key, return_index=True, return_inverse=True, return_counts=True)
        return Groups(self.bits[first], self.size[first], patients), group


@dataclass(frozen=True)
class Groups:
    """Of each group: the common elements, the number of all elements, and how many patients it holds."""

    bits: UInt32[ndarray, " G"]
    size: Int[ndarray, " G"]
    patients: Int[ndarray, " G"]


@dataclass(frozen=True)
class Apart:
    """Of a slice of the groups of queries and all groups of references: what two patients have if they do not meet."""

    groups: slice
    shared: Int[ndarray, "g H"]
    either: Int[ndarray, "g H"]


@dataclass(frozen=True)
class Meeting:
    """The pairs that meet, of a slice of the queries.

    Attributes:
        rows: The slice.
        start: Where the pairs of each of these queries start, and the number of pairs.
        reference: The reference of each pair.
        shared: Elements that both have.
        either: Elements that either has.
        common: The common elements among the shared ones: what they would share if they were apart.
    """

    rows: slice
    start: Int[ndarray, " starts"]
    reference: Int[ndarray, " m"]
    shared: Int[ndarray, " m"]
    either: Int[ndarray, " m"]
    common: Int[ndarray, " m"]

    @property
    def query(self) -> Int[ndarray, " m"]:
        """The query of each pair."""
        return np.repeat(np.arange(self.rows.start, self.rows.stop), np.diff(self.start))

    def by_query(self, reduce: np.ufunc, values: ndarray, none: float) -> ndarray:
        """The values of the pairs of each of these queries taken together; `none` for a query that meets nobody."""
        taken = np.full(len(self.start) - 1, none, dtype=values.dtype)
        some = np.diff(self.start) > 0
        if some.any():
            taken[some] = reduce.reduceat(values, self.start[:-1][some])
        return taken


@dataclass(frozen=True)
class Overlaps:
    """Queries against references."""

    queries: Sets
    references: Sets

    @classmethod
    def of(cls, queries: sparse.csr_array, references: sparse.csr_array) -> Self:
        """Of two 0/1 matrices [P, E] and [Q, E] with the same columns."""
        times = queries.sum(axis=0) + references.sum(axis=0)
        common = np.sort(np.argsort(-times, kind="stable")[:COMMON])
        of_queries = Sets.of(queries, common)
        return cls(of_queries, of_queries if references is queries else Sets.of(references, common))

    def apart(self) -> Iterator[Apart]:
        """All groups of queries against all groups of references, some of the former at a time."""
        ours, theirs = self.queries.groups[0], self.references.groups[0]
        step = max(1, WORK // len(theirs.bits))
        for first in range(0, len(ours.bits), step):
            rows = slice(first, min(first + step, len(ours.bits)))
            shared = np.bitwise_count(ours.bits[rows, None] & theirs.bits).astype(np.int32)
            yield Apart(rows, shared, ours.size[rows, None] + theirs.size - shared)

    def meeting(self) -> Iterator[Meeting]:
        """All pairs that share a rare element, some queries at a time."""
        references = self.references.rare.T.tocsr()
        work = np.cumsum(self.queries.rare @ np.diff(references.indptr))
        first = 0
        while first < len(work):
            done = work[first - 1] if first else 0
            last = max(first + 1, int(np.searchsorted(work, done + WORK, side="right")))
            yield self._meeting(slice(first, last), references)
            first = last

    def _meeting(self, rows: slice, references: sparse.csr_array) -> Meeting:
        ours, theirs = self.queries, self.references
        pairs = self.queries.rare[rows] @ references
        times = np.diff(pairs.indptr)
        common = np.bitwise_count(theirs.bits[pairs.indices] & np.repeat(ours.bits[rows], times)).astype(np.int32)
        shared = pairs.data + common
        either = theirs.size[pairs.indices] + np.repeat(ours.size[rows], times) - shared
        return Meeting(rows, pairs.indptr, pairs.indices, shared, either, common)
