"""Reference generators with known faults, scored by the same code as the models.

Each is a function `(train: Cohort, n: int, rng) -> Cohort`. A metric is worth reading where it tells
them apart: the memoriser wins what copying wins, the collapsed set loses what variety wins. The floor of
every metric, the real-vs-real baseline, needs no generator.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from ehrgen.data.cohort import Cohort
from ehrgen.data.simulation.profiles import Profiles
from ehrgen.data.simulation.row_sampler import RowSampler
from ehrgen.metrics.anchors.assembly import assembled, lenders, train_visits
from ehrgen.metrics.anchors.markov import markov
from ehrgen.metrics.cohorts.subgroups import SUBGROUPS, shares_by_subgroup, subgroup_of

ReferenceGenerator = Callable[[Cohort, int, np.random.Generator], Cohort]
COLLAPSED_TO = 20
COPIES = ("memoriser", "collapsed", "markov")  # these show visits of training patients as they are


def reference_generators(profiles: int) -> dict[str, ReferenceGenerator]:
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

    Demographics with the number of visits, and the number of codes of each visit given the subgroup, are drawn
    from training patients. Distinct codes are drawn with odds -log(1 - p), which in a visit of mean length
    gives each code about the probability p that it has in the subgroup.
    """
    visits, codes, subgroup = train_visits(train)
    rows, owner = lenders(train, n, rng)
    drawn_subgroup = subgroup_of(train)[rows][owner]
    size, p = np.bincount(subgroup, minlength=SUBGROUPS), shares_by_subgroup(visits, subgroup)
    p = np.minimum(p, 1 - 1 / (2 * np.maximum(size, 1)[:, None]))  # odds stay finite where all visits have a code
    in_order = np.argsort(subgroup, kind="stable")
    donor = in_order[(np.cumsum(size) - size)[drawn_subgroup] + rng.integers(size[drawn_subgroup])]
    matrix = RowSampler.of(-np.log1p(-p)).distinct(drawn_subgroup, np.diff(visits.indptr)[donor], rng)
    return assembled(train, rows, owner, matrix, codes)


def latent_profiles(train: Cohort, n: int, rng: np.random.Generator, profiles: int = 64) -> Cohort:
    """A mixture of latent profiles given sex and age bracket, each visit on its own.

    It is the simple model that a sensible user would take instead of a neural one. Demographics with the
    number of visits are drawn from training patients. With fewer training visits than `profiles`, there are
    as many profiles as visits.
    """
    visits, codes, subgroup = train_visits(train)
    model = Profiles.fit(visits, subgroup, SUBGROUPS, rng, profiles=min(profiles, visits.shape[0]))
    rows, owner = lenders(train, n, rng)
    return assembled(train, rows, owner, model.sample(subgroup_of(train)[rows][owner], rng), codes)
