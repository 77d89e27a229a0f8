"""Do codes of one visit attract and repel each other as in real patients, whatever their frequencies?

A visit is a set of codes. Axes: N visits, K chosen codes.
"""

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy import sparse

from ehrgen.data.cohort import Cohort
from ehrgen.metrics.cohorts import incidence
from ehrgen.metrics.statistics import agreement
from ehrgen.metrics.table.suite import NotJudged

EXPECTED = 5  # real visits that independence would give a pair; below that a lift is noise
FEWEST_PAIRS = 20
TOP_CODES = 100


def pair_lift(real: Cohort, synthetic: Cohort) -> float:
    """Rank correlation of the lifts p(a, b) / (p(a) p(b)) of pairs of codes in one visit, -1 to 1.

    Good is the floor; 0 is bad: what goes together is left to chance, as with codes drawn independently. Frequent
    codes win nothing here; copies of training patients do. Pairs are those that independence would show in 5 or more
    real visits; a pair that the synthetic patients never show has lift 0.
    """
    return _lift_correlation(*incidence.visit_codes(real, synthetic))


def category_pair_lift(real: Cohort, synthetic: Cohort) -> float:
    """As `pair_lift`, of pairs of ICD-9 categories: three characters, four of an E code; -1 to 1.

    Good is the floor, 0 is bad. A model that puts the right categories together and then picks any code of each is
    good here and bad at `pair_lift`; copies of training patients pass.
    """
    return _lift_correlation(*incidence.visit_categories(real, synthetic))


def correlation_error(real: Cohort, synthetic: Cohort) -> float:
    """Root mean square difference of the phi correlations between the 100 commonest real codes, 0 to 2.

    It is the Frobenius norm of the difference over the root of the number of pairs. Good is as small as the floor; bad
    is what independent codes reach, as large as the correlations themselves; copies pass. A code that no synthetic
    visit has, or that every one has, correlates with nothing: 0.
    """
    ours, theirs = incidence.visit_codes(real, synthetic)
    count = ours.sum(axis=0)
    varies = np.flatnonzero((count > 0) & (count < ours.shape[0]))
    top = varies[np.argsort(-count[varies], kind="stable")[:TOP_CODES]]
    if len(top) < 2:
        raise NotJudged("fewer than two codes vary between the visits of the real sample: no correlation exists")
    off = ~np.eye(len(top), dtype=bool)
    return float(np.sqrt(((_phi(ours[:, top]) - _phi(theirs[:, top]))[off] ** 2).mean()))


def _lift_correlation(ours: sparse.csr_array, theirs: sparse.csr_array) -> float:
    count, visits = ours.sum(axis=0), ours.shape[0]
    some = np.flatnonzero(count * count.max() >= EXPECTED * visits)  # no other code can be in such a pair
    first, second = np.triu_indices(len(some), k=1)
    enough = count[some][first] * count[some][second] >= EXPECTED * visits
    if enough.sum() < FEWEST_PAIRS:
        raise NotJudged(
            f"floor too low to judge: independence would show {int(enough.sum())} pairs in {EXPECTED} or more of "
            f"{visits:,} real visits, and {FEWEST_PAIRS} are the least; evaluate more patients"
        )
    x, y = (_lift(visits[:, some])[first[enough], second[enough]] for visits in (ours, theirs))
    return agreement.spearman(x, y, "lift of a pair")


def _lift(visits: sparse.csr_array) -> Float[ndarray, "K K"]:
    together, count = _together(visits), visits.sum(axis=0)
    return together * visits.shape[0] / np.maximum(np.outer(count, count), 1)


def _phi(visits: sparse.csr_array) -> Float[ndarray, "K K"]:
    n, together, count = visits.shape[0], _together(visits), visits.sum(axis=0).astype(float)
    spread = np.sqrt(count * (n - count))
    return (n * together - np.outer(count, count)) / np.where(np.outer(spread, spread) > 0, np.outer(spread, spread), 1)


def _together(visits: sparse.csr_array) -> Int[ndarray, "K K"]:
    """Visits with both codes."""
    return (visits.T @ visits).toarray()
