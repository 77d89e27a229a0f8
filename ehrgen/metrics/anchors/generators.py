"""Reference generators with known faults, scored by the same code as the models.

An anchor is a function `(train: Cohort, n: int, rng) -> Cohort`. A metric is worth reading where it tells
them apart: the memoriser wins what copying wins, the collapsed set loses what variety wins. Real held-out
patients, the floor of every metric, need no generator.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy import sparse

from ehrgen.data.cohort import Cohort
from ehrgen.data.simulation.profiles import Profiles
from ehrgen.metrics.anchors.assembly import assembled, lenders, train_visits
from ehrgen.metrics.anchors.markov import markov
from ehrgen.metrics.cohorts.cells import CELLS, by_cell, cell_of

Anchor = Callable[[Cohort, int, np.random.Generator], Cohort]
COLLAPSED_TO = 20
COPIES = ("memoriser", "collapsed", "markov")  # these show visits of training patients as they are


def anchors(profiles: int) -> dict[str, Anchor]:
    """The reference generators by name; `profiles` is the size of the latent-profile mixture."""
    return {
        "memoriser": memoriser,
        "independent_codes": independent_codes,
        "latent_profiles": partial(latent_profiles, profiles=profiles),
        "collapsed": collapsed,
        "markov": markov,
    }


def memoriser(train: Cohort, n: int, rng: np.random.Generator) -> Cohort:
    """Training patients, none again before all were taken: as good as real ones but for privacy.

    Drawn with replacement, its repeats would cost it fidelity, and copying would look worse than it is.
    """
    return train.resample(np.resize(rng.permutation(len(train)), n))


def collapsed(train: Cohort, n: int, rng: np.random.Generator) -> Cohort:
    """Twenty training patients over and over."""
    chosen = rng.permutation(len(train))[:COLLAPSED_TO]
    return train.resample(np.resize(chosen, n))


def independent_codes(train: Cohort, n: int, rng: np.random.Generator) -> Cohort:
    """Codes drawn one by one as often as in training patients of that sex and age bracket; nothing else.

    Demographics with the number of visits, and the number of codes of each visit given the cell, are drawn
    from training patients. Distinct codes are drawn with odds -log(1 - p), which in a visit of mean length
    gives each code about the probability p that it has in the cell.
    """
    visits, codes, cell = train_visits(train)
    rows, owner = lenders(train, n, rng)
    drawn_cell = cell_of(train)[rows][owner]
    size, p = np.bincount(cell, minlength=CELLS), by_cell(visits, cell)
    p = np.minimum(p, 1 - 1 / (2 * np.maximum(size, 1)[:, None]))  # odds stay finite where all visits have a code
    in_order = np.argsort(cell, kind="stable")
    donor = in_order[(np.cumsum(size) - size)[drawn_cell] + rng.integers(size[drawn_cell])]
    matrix = _distinct_draws(-np.log1p(-p), drawn_cell, np.diff(visits.indptr)[donor], rng)
    return assembled(train, rows, owner, matrix, codes)


def latent_profiles(train: Cohort, n: int, rng: np.random.Generator, profiles: int = 64) -> Cohort:
    """A mixture of latent profiles given sex and age bracket, each visit on its own.

    It is the simple model that a sensible user would take instead of a neural one. Demographics with the
    number of visits are drawn from training patients. With fewer training visits than `profiles`, there are
    as many profiles as visits.
    """
    visits, codes, cell = train_visits(train)
    model = Profiles.fit(visits, cell, CELLS, rng, profiles=min(profiles, visits.shape[0]))
    rows, owner = lenders(train, n, rng)
    return assembled(train, rows, owner, model.sample(cell_of(train)[rows][owner], rng), codes)


def _distinct_draws(
    odds: Float[ndarray, "cells V"],
    cells: Int[ndarray, " N"],
    sizes: Int[ndarray, " N"],
    rng: np.random.Generator,
) -> sparse.csr_array:
    """For each visit `sizes` distinct codes, drawn one after the other with the odds of its cell."""
    edges = np.append(0.0, np.cumsum(odds))
    start, end = (edges[row * odds.shape[1]] for row in (cells, cells + 1))
    complete, drawn, missing = [], np.empty(0, dtype=np.int64), sizes
    while missing.any():
        visit = np.repeat(np.arange(len(cells)), missing)
        point = start[visit] + rng.random(len(visit)) * (end - start)[visit]
        point = np.minimum(point, np.nextafter(end, 0)[visit])  # rounding must not reach the next cell
        code = np.searchsorted(edges, point, side="right") - 1 - cells[visit] * odds.shape[1]
        drawn = np.unique(np.append(drawn, visit * odds.shape[1] + code))
        held = np.bincount(drawn // odds.shape[1], minlength=len(sizes))
        missing = np.where(held > 0, sizes - held, 0)
        open_still = missing[drawn // odds.shape[1]] > 0
        complete.append(drawn[~open_still])
        drawn = drawn[open_still]
    place = np.divmod(np.concatenate(complete), odds.shape[1])
    return sparse.csr_array((np.ones(len(place[0])), place), shape=(len(cells), odds.shape[1]))
