"""Who is near whom: patients as sets, and the distances of all of them from all others.

A patient is the set of their sex, age bracket (where known) and the distinct codes of all visits; the distance is
Jaccard's, 1 - |shared| / |either|, 0 to 1. Equal fractions are equal numbers, so ties are exact. Axes: P, Q patients,
E elements.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy import sparse

from ehrgen.data.cohort import AGE_BRACKETS, Cohort, age_bracket
from ehrgen.data.indicator import indicator, membership
from ehrgen.metrics.cohorts import incidence
from ehrgen.metrics.cohorts.cache import remembered
from ehrgen.metrics.cohorts.handed_on import of_real_patients
from ehrgen.metrics.cohorts.overlaps import Overlaps

BANDWIDTH = 0.1  # of the density: a twin counts as much as 22,000 patients who share nothing
GRID = 2.0**20  # weights are whole multiples of 1 / GRID: sums are exact, whatever the order


@remembered
def elements(*cohorts: Cohort) -> tuple[sparse.csr_array, ...]:
    """One 0/1 matrix [P, E] a cohort, with the same columns: F, M, the age brackets, then codes in order."""
    codes, places = incidence.columns(*cohorts)
    return tuple(_sets(cohort, place, len(codes)) for cohort, place in zip(cohorts, places, strict=True))


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


def near(patients: Cohort, others: Cohort) -> Nearness:
    """How near the others are to each patient; to a patient of one cohort, their equal in another one is near."""
    return Nearness(*_near(patients, others))


def among(patients: Cohort) -> Nearness:
    """How near the others of their own cohort are to each patient."""
    return Nearness(*_among(patients))


@partial(remembered, kept=6)  # one evaluation asks of three cohorts, each against each
@of_real_patients
def _near(patients: Cohort, others: Cohort) -> Float[ndarray, "2 P"]:
    found = nearness(*elements(patients, others))
    return np.stack([found.distance, found.density])


@remembered
@of_real_patients
def _among(patients: Cohort) -> Float[ndarray, "2 P"]:
    (own,) = elements(patients)
    found = nearness(own, own, themselves=True)
    return np.stack([found.distance, found.density])


def nearness(queries: sparse.csr_array, references: sparse.csr_array, themselves: bool = False) -> Nearness:
    """How near the references are to each query.

    Exact, and equal to the last bit to what a table of all distances gives (see `overlaps`): the nearest of the pairs
    that meet, or of all as if they were apart, from which no pair is farther; the density of all as if they were
    apart, and what those that meet add to it.

    Args:
        themselves: The two are the same patients, and nobody is a neighbour of their own.
    """
    pairs = Overlaps.of(queries, queries if themselves else references)
    jaccard = Jaccard.of(pairs)
    groups, group = pairs.queries.groups
    nearest, density = np.empty(len(groups.bits), np.float32), np.empty(len(groups.bits))
    for apart in pairs.apart():
        distance = jaccard.distance(apart.shared, apart.either)
        density[apart.groups] = jaccard.weight(apart.shared, apart.either) @ pairs.references.groups[0].patients
        if themselves:
            alone = np.flatnonzero(groups.patients[apart.groups] == 1)
            distance[alone, apart.groups.start + alone] = np.inf
        nearest[apart.groups] = distance.min(axis=1)
    nearest, density = nearest[group], density[group]
    for meeting in pairs.meeting():
        as_if_apart = meeting.either + meeting.shared - meeting.common
        more = jaccard.weight(meeting.shared, meeting.either) - jaccard.weight(meeting.common, as_if_apart)
        density[meeting.rows] += meeting.by_query(np.add, more, 0.0)
        distance = jaccard.distance(meeting.shared, meeting.either)
        if themselves:
            distance[meeting.reference == meeting.query] = np.inf
        nearest[meeting.rows] = np.minimum(nearest[meeting.rows], meeting.by_query(np.minimum, distance, np.inf))
    return Nearness(nearest.astype(np.float64), density / GRID - themselves)


def nearest_mean(
    queries: sparse.csr_array, references: sparse.csr_array, traits: sparse.csr_array
) -> Iterator[tuple[slice, sparse.csr_array]]:
    """Block by block, the mean traits [b, K] of the references nearest to each query, all ties counted alike."""
    pairs = Overlaps.of(queries, references)
    jaccard = Jaccard.of(pairs)
    groups, group = pairs.references.groups
    nearest, tied_groups = _nearest_apart(pairs, jaccard)
    patients, sums = tied_groups @ groups.patients, tied_groups @ (membership(group, len(groups.bits)) @ traits)
    _, group_of_query = pairs.queries.groups
    for meeting in pairs.meeting():
        own = group_of_query[meeting.rows]
        distance = jaccard.distance(meeting.shared, meeting.either)
        best = np.minimum(nearest[own], meeting.by_query(np.minimum, distance, np.inf))
        tied = distance == np.repeat(best, np.diff(meeting.start))
        start = np.append(0, np.cumsum(tied))[meeting.start]
        shape = (len(own), references.shape[0])
        met = sparse.csr_array((np.ones(start[-1]), meeting.reference[tied], start), shape=shape)
        # groups that are as near apart: whoever of them met the query would be nearer still, so nobody did
        apart = (nearest[own] == best).astype(np.float64)
        times = met.sum(axis=1) + apart * patients[own]
        yield meeting.rows, (met @ traits + sums[own].multiply(apart[:, None])).multiply(1 / times[:, None]).tocsr()


def _nearest_apart(pairs: Overlaps, jaccard: "Jaccard") -> tuple[Float[ndarray, " G"], sparse.csr_array]:
    """How near each group of queries would have its nearest references if all were apart, and [G, H] which they are."""
    nearest, tied = [], []
    for apart in pairs.apart():
        distance = jaccard.distance(apart.shared, apart.either)
        nearest.append(distance.min(axis=1))
        tied.append(sparse.csr_array(distance == nearest[-1][:, None], dtype=np.float64))
    return np.concatenate(nearest), sparse.vstack(tied, format="csr")


@dataclass(frozen=True)
class Jaccard:
    """Distance and weight of a pair by the elements that both and that either has, from tables laid out flat."""

    width: int
    distances: Float[ndarray, " table"]
    weights: Float[ndarray, " table"]

    @classmethod
    def of(cls, pairs: Overlaps) -> Self:
        """The tables for all that two of these patients can have; two of whom nothing is known are alike."""
        largest = int(pairs.queries.size.max()), int(pairs.references.size.max())
        shared = np.arange(min(largest) + 1, dtype=np.float32)[:, None]
        either = np.arange(sum(largest) + 1, dtype=np.float32)
        distances = 1 - np.minimum(shared / np.maximum(either, 1), 1)
        distances[0, 0] = 0
        weights = np.rint(np.exp(-distances / BANDWIDTH) * GRID).astype(np.float64)
        return cls(len(either), distances.ravel(), weights.ravel())

    def distance(self, shared: Int[ndarray, "..."], either: Int[ndarray, "..."]) -> Float[ndarray, "..."]:
        """1 - shared / either, 0 to 1."""
        return self.distances[shared * self.width + either]

    def weight(self, shared: Int[ndarray, "..."], either: Int[ndarray, "..."]) -> Float[ndarray, "..."]:
        """exp(-distance / BANDWIDTH) in whole parts of 1 / GRID."""
        return self.weights[shared * self.width + either]
