"""The visit-level Markov chain: the next visit from the one before, and from nothing else.

First visits are those of training patients. From visit to visit each code stays with its own probability, and the new
codes are led to by codes of the visit before. The simple model of sequences that a neural one has to beat.

Axes: N visits, M transitions, V codes, D draws. A context is a code before a transition, in a sex and age bracket.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy import sparse

from ehrgen.data.cohort import Cohort
from ehrgen.metrics.anchors.assembly import assembled, train_visits
from ehrgen.metrics.cohorts import incidence
from ehrgen.metrics.cohorts.cells import CELLS, cell_of
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
    visits, codes, cell = train_visits(train)
    chain = Chain.of(visits, incidence.transitions(train), cell)
    rows, counts = np.resize(rng.permutation(len(train)), n), incidence.visits_per_patient(train)
    owner = np.repeat(np.arange(n), counts[rows])
    who, now = np.arange(n), visits[(np.cumsum(counts) - counts)[rows]]
    made, at = [now], [who]
    for number in range(1, int(counts[rows].max())):
        stay = counts[rows][who] > number
        who, now = who[stay], chain.next_visit(now[stay], cell_of(train)[rows][who[stay]], rng)
        made.append(now)
        at.append(who)
    in_order = np.argsort(np.concatenate(at), kind="stable")  # by patient, each one's visits as they were made
    return assembled(train, rows, owner, sparse.vstack(made, format="csr")[in_order], codes)


@dataclass(frozen=True)
class Chain:
    """What follows what.

    Attributes:
        stays: P(code in the next visit | code in a visit).
        leads: Times that each context led to a new code; after the V contexts of every cell, one a cell for any code.
        sizes: Numbers of new codes of the transitions, by cell; a cell without transitions has those of all.
    """

    stays: Float[ndarray, " V"]
    leads: sparse.csr_array
    sizes: list[ndarray]

    @classmethod
    def of(cls, visits: sparse.csr_array, start: Int[ndarray, " M"], cell: Int[ndarray, " N"]) -> Self:
        """The chain of these transitions, each from the visit numbered so in `start` to the one after it."""
        before, after, where = visits[start], visits[start + 1], cell[start]
        both = before.multiply(after)
        started, stayed = before.sum(axis=0), both.sum(axis=0)
        stays = (stayed + SMOOTHING * stayed.sum() / started.sum()) / (started + SMOOTHING)
        new = sparse.csr_array(after - both)
        new.eliminate_zeros()
        codes = before.shape[1]
        entry = before.tocoo()
        context = sparse.csr_array(
            (np.ones(before.nnz), (where[entry.row] * codes + entry.col, entry.row)), shape=(CELLS * codes, len(start))
        )
        anything = sparse.csr_array((np.ones(len(start)), (where, np.arange(len(start)))), shape=(CELLS, len(start)))
        new_codes = np.diff(new.indptr)
        sizes = [new_codes[where == one] if (where == one).any() else new_codes for one in range(CELLS)]
        return cls(stays, sparse.vstack([context, anything], format="csr") @ new, sizes)

    def next_visit(self, now: sparse.csr_array, cell: Int[ndarray, " N"], rng: np.random.Generator) -> sparse.csr_array:
        """The visit after each of these: the codes that stay, and as many draws of new codes as is usual.

        A draw of a code that the visit before had is not new, and drawn again; one that still hits such a code, or
        another draw, is lost. Without any code a visit keeps those it had before: a visit has a code.
        """
        entry = now.tocoo()
        kept = rng.random(now.nnz) < self.stays[entry.col]
        draws = np.array([rng.choice(self.sizes[one]) for one in cell], dtype=np.int64)
        visit = np.repeat(np.arange(len(cell)), draws)
        had = entry.row.astype(np.int64) * now.shape[1] + entry.col
        new = np.empty(0, dtype=np.int64)
        for _ in range(TRIES):
            code = self._new_codes(now, cell, visit, rng)
            place = visit * now.shape[1] + code
            fine = (code >= 0) & ~np.isin(place, had)
            new, visit = np.append(new, place[fine]), visit[~fine]
        row, column = np.divmod(np.append(had[kept], new), now.shape[1])
        found = sparse.csr_array((np.ones(len(row), now.dtype), (row, column)), shape=now.shape)
        found.sum_duplicates()
        found.data[:] = 1
        empty = np.diff(found.indptr) == 0
        return sparse.csr_array(found + now.multiply(empty[:, None].astype(now.dtype)))

    def _new_codes(
        self, now: sparse.csr_array, cell: Int[ndarray, " N"], visit: Int[ndarray, " D"], rng: np.random.Generator
    ) -> Int[ndarray, " D"]:
        """A code for each draw, -1 where nothing ever came: led to by a random code of the visit, or usual in the cell.

        A context that led to m codes is followed with probability m / (m + SMOOTHING).
        """
        codes, total = now.shape[1], np.append(0, np.cumsum(self.leads.data))
        before = now.indices[now.indptr[visit] + rng.integers(np.diff(now.indptr)[visit])]
        context = cell[visit] * codes + before
        seen = total[self.leads.indptr[context + 1]] - total[self.leads.indptr[context]]
        usual = rng.random(len(visit)) * (seen + SMOOTHING) >= seen
        context = np.where(usual, CELLS * codes + cell[visit], context)
        low, high = total[self.leads.indptr[context]], total[self.leads.indptr[context + 1]]
        point = np.minimum(low + rng.random(len(visit)) * (high - low), np.nextafter(high, 0))
        code = np.full(len(visit), -1)
        some = high > low
        code[some] = self.leads.indices[np.searchsorted(total, point[some], side="right") - 1]
        return code
