"""The visit-level Markov chain: the next visit from the one before, and from nothing else.

First visits are those of training patients. From visit to visit each code stays with its own probability, and the new
codes are led to by codes of the visit before. The simple model of sequences that a neural one has to beat.

Axes: N visits, M transitions, V codes, D draws. A context is a code before a transition, in a sex and age bracket.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray
from scipy import sparse

from ehrgen.data.cohort import Cohort
from ehrgen.data.indicator import indicator, membership
from ehrgen.data.simulation.row_sampler import RowSampler
from ehrgen.metrics.anchors.assembly import assembled, train_visits
from ehrgen.metrics.cohorts import incidence
from ehrgen.metrics.cohorts.subgroups import SUBGROUPS, subgroup_of
from ehrgen.metrics.table.suite import NotJudged

TRIES = 5  # to draw a new code that is new
SMOOTHING = 5  # transitions' worth of what is usual added to each code and each context


def markov(train: Cohort, n: int, rng: np.random.Generator) -> Cohort:
    """Histories whose first visits are real ones and whose later visits follow the chain.

    Demographics, numbers of visits and first visits are those of training patients, none again before all were taken.

    Raises:
        NotJudged: If no training patient has a second visit: there is no chain to estimate.
    """
    if len(incidence.transitions(train)) == 0:
        raise NotJudged("not applicable: no training patient has a second visit")
    visits, codes, subgroup = train_visits(train)
    chain = Chain.of(visits, incidence.transitions(train), subgroup)
    rows, counts = np.resize(rng.permutation(len(train)), n), incidence.visits_per_patient(train)
    owner = np.repeat(np.arange(n), counts[rows])
    who, now = np.arange(n), visits[(np.cumsum(counts) - counts)[rows]]
    made, at = [now], [who]
    for number in range(1, int(counts[rows].max())):
        stay = counts[rows][who] > number
        who, now = who[stay], chain.next_visit(now[stay], subgroup_of(train)[rows][who[stay]], rng)
        made.append(now)
        at.append(who)
    in_order = np.argsort(np.concatenate(at), kind="stable")  # by patient, each one's visits as they were made
    return assembled(train, rows, owner, sparse.vstack(made, format="csr")[in_order], codes)


@dataclass(frozen=True)
class Chain:
    """What follows what.

    Attributes:
        stays: P(code in the next visit | code in a visit).
        leads: Which new codes each context led to, weighted by how often. Rows are the contexts: code c of V in
            subgroup g is row g x V + c; after those of all subgroups, one row a subgroup for whatever code came before.
        sizes: Numbers of new codes of the transitions, by subgroup; one without transitions has those of all.
    """

    stays: Float[ndarray, " V"]
    leads: RowSampler
    sizes: list[ndarray]

    @classmethod
    def of(cls, visits: sparse.csr_array, start: Int[ndarray, " M"], subgroup: Int[ndarray, " N"]) -> Self:
        """The chain of these transitions, each from the visit numbered so in `start` to the one after it."""
        before, after, where = visits[start], visits[start + 1], subgroup[start]
        both = before.multiply(after)
        started, stayed = before.sum(axis=0), both.sum(axis=0)
        stays = (stayed + SMOOTHING * stayed.sum() / started.sum()) / (started + SMOOTHING)
        new = sparse.csr_array(after - both)
        new.eliminate_zeros()
        transition, code = before.nonzero()
        context = where[transition] * before.shape[1] + code
        has_context = indicator(context, transition, (SUBGROUPS * before.shape[1], len(start)))
        leads = sparse.vstack([has_context, membership(where, SUBGROUPS)], format="csr") @ new
        sizes = np.diff(new.indptr)
        by_subgroup = [sizes[where == group] if (where == group).any() else sizes for group in range(SUBGROUPS)]
        return cls(stays, RowSampler.of(leads), by_subgroup)

    def next_visit(
        self, now: sparse.csr_array, subgroup: Int[ndarray, " N"], rng: np.random.Generator
    ) -> sparse.csr_array:
        """The visit after each of these: the codes that stay, and as many draws of new codes as is usual.

        Without any code a visit keeps those it had before: a visit has a code.
        """
        visit, code = now.nonzero()
        stays = rng.random(len(code)) < self.stays[code]
        new_visit, new_code = self._new_codes(now, subgroup, rng)
        row, column = np.append(visit[stays], new_visit), np.append(code[stays], new_code)
        made = indicator(row, column, now.shape, now.dtype)
        empty = np.diff(made.indptr) == 0
        return sparse.csr_array(made + now.multiply(empty[:, None].astype(now.dtype)))

    def _new_codes(
        self, now: sparse.csr_array, subgroup: Int[ndarray, " N"], rng: np.random.Generator
    ) -> tuple[Int[ndarray, " D"], Int[ndarray, " D"]]:
        """The visit and the code of each new code of the visits after these; a code may be there twice.

        A draw that hits a code of the visit before is not new, and drawn again; after some tries it is lost.
        """
        usual = [rng.choice(self.sizes[group]) for group in subgroup]
        to_draw = np.repeat(np.arange(now.shape[0]), usual)
        visits, codes = [], []
        for _ in range(TRIES):
            code = self._led_to(now, subgroup, to_draw, rng)
            new = (code >= 0) & ~_has(now, to_draw, code)
            visits.append(to_draw[new])
            codes.append(code[new])
            to_draw = to_draw[~new]
        return np.concatenate(visits), np.concatenate(codes)

    def _led_to(
        self, now: sparse.csr_array, subgroup: Int[ndarray, " N"], visit: Int[ndarray, " D"], rng: np.random.Generator
    ) -> Int[ndarray, " D"]:
        """A code for each draw, -1 where none ever came: led to by a random code of the visit, or by whatever code.

        A context that led to m codes is followed with probability m / (m + SMOOTHING).
        """
        codes = now.shape[1]
        before = now.indices[now.indptr[visit] + rng.integers(np.diff(now.indptr)[visit])]
        context, whatever = subgroup[visit] * codes + before, SUBGROUPS * codes + subgroup[visit]
        times = self.leads.total(context)
        followed = rng.random(len(visit)) * (times + SMOOTHING) < times
        return self.leads.draw(np.where(followed, context, whatever), rng)


def _has(visits: sparse.csr_array, visit: Int[ndarray, " D"], code: Int[ndarray, " D"]) -> Bool[ndarray, " D"]:
    """Whether each of these visits has this code."""
    codes = visits.shape[1]
    row, column = visits.nonzero()
    return np.isin(visit * codes + code, row.astype(np.int64) * codes + column)
