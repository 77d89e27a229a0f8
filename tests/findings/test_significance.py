"""Holm by hand and its contract; each outcome from its interval and margin."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.findings.statistics.significance import OUTCOMES, false_discovery, holm, significance

P_VALUES = st.dictionaries(st.integers(0, 30), st.floats(0, 1), min_size=1, max_size=12)


def test_holm_by_hand():
    """0.005 x 4, 0.01 x 3, then 0.03 x 2 and at least as much for 0.04."""
    p = {"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}
    assert holm(p) == pytest.approx({"d": 0.02, "a": 0.03, "c": 0.06, "b": 0.06})


@given(P_VALUES)
def test_holm_is_between_p_and_bonferroni_and_keeps_the_order(p_values: dict[int, float]):
    corrected = holm(p_values)
    assert corrected.keys() == p_values.keys()
    assert all(p_values[key] <= p <= min(1, len(p_values) * p_values[key]) for key, p in corrected.items())
    in_order = sorted(p_values, key=p_values.__getitem__)
    assert [corrected[key] for key in in_order] == sorted(corrected.values())


@pytest.mark.slow
@pytest.mark.parametrize(("ours", "theirs"), [(holm, "holm"), (false_discovery, "fdr_bh")])
def test_corrections_equal_statsmodels(ours: Callable[..., Any], theirs: str):
    random = np.random.default_rng(0)
    for size in range(1, 13):
        p_values = dict(enumerate(random.random(size).round(1)))  # with ties, 0 and 1
        corrected = ours(p_values)
        theirs_p = multipletests(list(p_values.values()), method=theirs)[1]
        assert [corrected[name] for name in p_values] == pytest.approx(theirs_p)


CLEAR, NOISE, SAME = Estimate.of([1.0, 1.3, 0.8]), Estimate.of([0.1, -0.2, 0.3]), Estimate.of([0.0, 0.0, 0.0])
X = ("variant", "x")


def judged(difference: Estimate, others: Sequence[Estimate] = (), margin: float = 0.0, primary: bool = True):
    """What x is among others of its variant: all of them endpoints, or none."""
    differences = {X: difference} | {("variant", str(place)): other for place, other in enumerate(others)}
    return significance(differences, {X: margin}, differences if primary else [])[X]


@pytest.mark.parametrize(
    ("difference", "margin", "outcome"),
    [
        (Estimate.of([1.0, 1.1, 0.9, 1.0, 1.0]), 0.5, "differs"),
        (Estimate.of([1.0, 1.1, 0.9, 1.0, 1.0]), 2.0, "slight"),
        (Estimate.of([0.1, -0.1, 0.0, 0.1, -0.1]), 0.5, "equivalent"),
        (Estimate.of([0.1, -0.1, 0.0, 0.1, -0.1]), 0.05, "undecided"),
        (Estimate.of([3.0, -2.0, 1.0]), 0.5, "undecided"),
        (SAME, 0.0, "equivalent"),
        (Estimate.of([0.5, 0.5, 0.5]), 0.1, "differs"),
    ],
)
@pytest.mark.parametrize("primary", [True, False])
def test_each_outcome(difference: Estimate, margin: float, outcome: str, primary: bool):
    of_x = judged(difference, margin=margin, primary=primary)
    assert of_x.outcome == outcome and of_x.outcome in OUTCOMES
    assert of_x.differs == (outcome in ("differs", "slight"))
    assert of_x.family == ("primary" if primary else "exploratory")
    assert of_x.seeds is None or outcome == "undecided"


def test_one_seed_has_no_outcome():
    assert significance({X: Estimate.of([4.0])}, {X: 9.0}, [X]) == {}


def test_many_looks_cost_an_outcome_and_equal_variants_are_no_looks():
    assert judged(CLEAR).outcome == "differs"
    assert judged(CLEAR, [NOISE] * 9).outcome == "undecided"
    assert judged(CLEAR, [SAME] * 9).outcome == "differs"


def test_families_do_not_cost_each_other():
    """Nine noisy endpoints of another variant, or nine metrics that are no endpoints, leave the endpoint as it is."""
    for others in ({("other", str(n)): NOISE for n in range(9)}, {("variant", str(n)): NOISE for n in range(9)}):
        primary = [X, *(key for key in others if key[0] == "other")]
        assert significance({X: CLEAR, **others}, {}, primary)[X].outcome == "differs"


def test_what_is_undecided_says_how_many_seeds_would_decide():
    alone, among_many = judged(CLEAR, [NOISE] * 2), judged(CLEAR, [NOISE] * 9)
    assert alone.outcome == among_many.outcome == "undecided"
    assert 3 < alone.seeds < among_many.seeds
    assert judged(Estimate.of([0.001, -1.0, 1.0]), margin=0.01).seeds is None, "out of reach"
