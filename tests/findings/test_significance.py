"""Holm by hand and its contract; each outcome from its interval and margin."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.findings.statistics.significance import SIGNS, holm, significance

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


@pytest.mark.parametrize(
    ("difference", "margin", "outcome"),
    [
        (Estimate.of([1.0, 1.1, 0.9, 1.0, 1.0]), 0.5, "differs"),
        (Estimate.of([1.0, 1.1, 0.9, 1.0, 1.0]), 2.0, "slight"),
        (Estimate.of([0.1, -0.1, 0.0, 0.1, -0.1]), 0.5, "equivalent"),
        (Estimate.of([0.1, -0.1, 0.0, 0.1, -0.1]), 0.05, "undecided"),
        (Estimate.of([3.0, -2.0, 1.0]), 0.5, "undecided"),
        (Estimate.of([0.0, 0.0, 0.0]), 0.0, "equivalent"),
        (Estimate.of([0.5, 0.5, 0.5]), 0.1, "differs"),
    ],
)
def test_each_outcome(difference: Estimate, margin: float, outcome: str):
    judged = significance({"x": difference}, {"x": margin})["x"]
    assert judged.outcome == outcome and judged.outcome in SIGNS
    assert judged.differs == (outcome in ("differs", "slight"))


def test_one_seed_has_no_outcome():
    assert significance({"x": Estimate.of([4.0])}, {"x": 9.0}) == {}


def test_many_looks_cost_a_mark_and_equal_variants_are_no_looks():
    strong, noise, same = Estimate.of([1.0, 1.3, 0.8]), Estimate.of([0.1, -0.2, 0.3]), Estimate.of([0.0, 0.0, 0.0])
    assert significance({"x": strong}, {})["x"].outcome == "differs"
    assert significance({"x": strong, **dict.fromkeys(range(9), noise)}, {})["x"].outcome == "undecided"
    assert significance({"x": strong, **dict.fromkeys(range(9), same)}, {})["x"].outcome == "differs"
