"""Does the next visit follow from the one before as in real patients?

All are silent for a cohort of single visits: there is no next visit, and 0 would be a lie. A transition is a visit
with another one after it. Axes: M transitions, V codes.
"""

from dataclasses import dataclass

import numpy as np
from numpy import ndarray
from scipy import sparse

from ehrgen.data.cohort import Cohort
from ehrgen.metrics.cohorts import incidence
from ehrgen.metrics.cohorts.cache import remembered
from ehrgen.metrics.statistics import agreement
from ehrgen.metrics.table.suite import NotJudged

OFTEN = 11  # transitions that must start with a code before its persistence is estimated, in either cohort
FEWEST_CODES = 10


@dataclass(frozen=True)
class Transitions:
    """0/1 matrices [M, V]: the codes of a visit, those of the next one, and those of both."""

    before: sparse.csr_array
    after: sparse.csr_array
    both: sparse.csr_array

    def __len__(self) -> int:
        return self.before.shape[0]


def sequential_pair_r2(real: Cohort, synthetic: Cohort) -> float:
    """As `pair_r2`, over (a in a visit, b in the next one) per transition, that either cohort has, up to 1.

    Good is the floor, about 0.4 at 3,000 simulated patients; visits drawn one by one reach half of that. Chronic codes
    that repeat drive it, so carrying codes over is enough to look good: read it beside `new_code_r2`; copies pass.
    """
    p, q = (_pair_shares(transitions) for transitions in _both_cohorts(real, synthetic))
    residual, size = ((p - q).data ** 2).sum(), (p + q).nnz
    return agreement.r2_of_sums(residual, p.data.sum(), (p.data**2).sum(), size, "pair of codes of successive visits")


def repeated_code_r2(real: Cohort, synthetic: Cohort) -> float:
    """Explained variance, over codes, of how often a code is in a visit and in the next one too, up to 1.

    Good is the floor, about 0.9 at 3,000 simulated patients; visits drawn one by one reach half of that. A generator
    that repeats whole visits overshoots and is bad here as well; copies of training patients pass.
    """
    p, q = (transitions.both.mean(axis=0) for transitions in _both_cohorts(real, synthetic))
    return agreement.r2(p, q, "repeated code")


def new_code_r2(real: Cohort, synthetic: Cohort) -> float:
    """Explained variance, over codes, of how often a code is in a visit and was not in the one before, up to 1.

    Good is the floor; visits drawn one by one are bad, at 0 or below: what is chronic counts as new in them. Repeats
    earn nothing here, but what leads to what is not asked: that is the matter of `sequential_pair_r2`; copies pass.
    """
    p, q = ((transitions.after - transitions.both).mean(axis=0) for transitions in _both_cohorts(real, synthetic))
    return agreement.r2(p, q, "new code")


def repeated_share(real: Cohort, synthetic: Cohort) -> float:
    """Share of the codes of a next visit that the visit before had already, 0 to 1.

    Good is the floor's share; near 0 chronic disease is forgotten, near 1 a visit is copied from the one before. A
    generator that repeats any codes at the right rate passes: `repeated_code_r2` and `persistence` ask which.
    """
    _, theirs = _both_cohorts(real, synthetic)
    return float(theirs.both.sum() / theirs.after.sum())


def persistence(real: Cohort, synthetic: Cohort) -> float:
    """Correlation over codes of P(code in the next visit | code in a visit), -1 to 1.

    Good is the floor, 0 is bad: chronic and passing conditions recur alike. It ignores the level, so it needs
    `persistence_bias` beside it; copies pass. Codes that start fewer than 11 transitions in either cohort are left out.
    """
    ours, theirs, _ = _stays(real, synthetic)
    return agreement.correlation(ours, theirs, "persistence of a code")


def persistence_bias(real: Cohort, synthetic: Cohort) -> float:
    """Mean over the real codes of P(code in the next visit | code in a visit), synthetic minus real, -1 to 1.

    Good is 0; below it diseases are forgotten from visit to visit, above it they stick. Errors that cancel pass:
    read it beside `persistence`. Codes count by how often real patients have them.
    """
    ours, theirs, weight = _stays(real, synthetic)
    return float(np.average(theirs - ours, weights=weight))


@remembered
def both_transitions(real: Cohort, synthetic: Cohort) -> tuple[Transitions, Transitions]:
    """The transitions of the two cohorts over the codes of both; either may have none."""
    ours, theirs = incidence.visit_codes(real, synthetic)
    return _transitions(real, ours), _transitions(synthetic, theirs)


def _transitions(cohort: Cohort, visits: sparse.csr_array) -> Transitions:
    start = incidence.transitions(cohort)
    before, after = visits[start], visits[start + 1]
    return Transitions(before, after, before.multiply(after).tocsr())


def _pair_shares(transitions: Transitions) -> sparse.csr_array:
    """[V, V] share of the transitions with a code before and a code after."""
    return sparse.csr_array(transitions.before.T @ transitions.after / len(transitions))


def _both_cohorts(real: Cohort, synthetic: Cohort) -> tuple[Transitions, Transitions]:
    ours, theirs = both_transitions(real, synthetic)
    for transitions, who in ((ours, "held-out"), (theirs, "synthetic")):
        if len(transitions) == 0:
            raise NotJudged(f"not applicable: no {who} patient has a second visit")
    return ours, theirs


def _stays(real: Cohort, synthetic: Cohort) -> tuple[ndarray, ndarray, ndarray]:
    """Of each code that is frequent enough: its persistence in the two cohorts, and its real transitions."""
    ours, theirs = _both_cohorts(real, synthetic)
    our_starts, their_starts = ours.before.sum(axis=0), theirs.before.sum(axis=0)
    often = np.minimum(our_starts, their_starts) >= OFTEN
    if often.sum() < FEWEST_CODES:
        raise NotJudged(
            f"floor too low to judge: {int(often.sum())} codes start {OFTEN} or more transitions in both cohorts, "
            f"and {FEWEST_CODES} are the least; evaluate more patients"
        )
    our_stays, their_stays = ours.both.sum(axis=0)[often], theirs.both.sum(axis=0)[often]
    return our_stays / our_starts[often], their_stays / their_starts[often], our_starts[often]
