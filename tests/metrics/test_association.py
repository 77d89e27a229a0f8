import numpy as np
import pytest
from scipy.stats import spearmanr

from ehrgen.metrics.anchors import generators
from ehrgen.metrics.cohorts import incidence
from ehrgen.metrics.families import association
from ehrgen.metrics.table.suite import NotJudged
from tests.support.cohorts import cohort, population

REAL, OTHER = population(1500, 1), population(1500, 2)


def test_lift_and_phi_by_hand():
    visits, _ = incidence.visit_codes(cohort([["4011 4012"], ["4011 4012"], ["4011"], ["486"]]), cohort([["486"]]))
    assert association._lift(visits)[0, 1] == pytest.approx(2 * 4 / (3 * 2))
    assert association._phi(visits)[0, 1] == pytest.approx((4 * 2 - 3 * 2) / np.sqrt(3 * 1 * 2 * 2))


def test_pair_lift_equals_the_reference():
    ours, theirs = (visits.toarray() for visits in incidence.visit_codes(REAL, OTHER))
    first, second = np.triu_indices(ours.shape[1], k=1)
    expected = ours.mean(axis=0)[first] * ours.mean(axis=0)[second] * len(ours)
    lifts = []
    for visits in (ours, theirs):
        together, share = visits.T @ visits / len(visits), visits.mean(axis=0)
        alone = share[first] * share[second]
        lifts.append(np.where(alone > 0, together[first, second] / np.maximum(alone, 1e-12), 0))
    enough = expected >= 5 - 1e-9
    assert association.pair_lift(REAL, OTHER) == pytest.approx(
        spearmanr(lifts[0][enough].round(9), lifts[1][enough].round(9)).statistic
    )


def test_correlation_error_equals_the_reference():
    ours, theirs = (visits.toarray() for visits in incidence.visit_codes(REAL, OTHER))
    top = np.argsort(-ours.sum(axis=0), kind="stable")[: association.TOP_CODES]
    assert (theirs[:, top].sum(axis=0) > 0).all()
    difference = np.corrcoef(ours[:, top].T) - np.corrcoef(theirs[:, top].T)
    expected = np.linalg.norm(difference) / np.sqrt(len(top) * (len(top) - 1))
    assert association.correlation_error(REAL, OTHER) == pytest.approx(expected)


def test_a_code_that_is_never_made_correlates_with_nothing():
    real = cohort([["4011 4012"], ["4011 4012"], ["486"], ["486"]])  # phi 1, -1, -1
    assert association.correlation_error(real, cohort([["486"]])) == pytest.approx(1)


@pytest.mark.parametrize("name", ["pair_lift", "category_pair_lift"])
def test_independent_codes_fail(name: str):
    train = population(3000, 3)
    independent = generators.independent_codes(train, 1500, np.random.default_rng(0))
    metric = getattr(association, name)
    assert metric(REAL, independent) < metric(REAL, OTHER) - 0.2


@pytest.mark.parametrize("name", ["pair_lift", "category_pair_lift"])
def test_too_few_pairs_are_not_judged(name: str):
    few = cohort([["4011 4860"]] * 20)
    with pytest.raises(NotJudged, match="show 1 pairs in 5 or more of 20 real visits, and 20 are the least"):
        getattr(association, name)(few, few)


def test_constant_codes_are_not_judged():
    with pytest.raises(NotJudged, match="fewer than two codes vary"):
        association.correlation_error(cohort([["4011"], ["4011"]]), REAL)
