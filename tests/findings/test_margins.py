import pytest

from ehrgen.findings.statistics.margins import RATE, equivalence_margins

FLOOR = {"pair_r2": 0.8, "coverage": 1.0, "c2st_auc": 0.5, "sex_violations": 0.0, "unigram_js": 0.0}


def margins(independent: dict[str, float], **reference: float) -> dict[str, float]:
    return equivalence_margins(
        {"floor": FLOOR, "independent_codes": independent}, dict.fromkeys(FLOOR, 0.7) | reference
    )


def test_a_tenth_of_the_gap_on_either_side_of_real_patients():
    assert margins({"pair_r2": 0.5})["pair_r2"] == pytest.approx(0.03)
    assert margins({"c2st_auc": 0.7})["c2st_auc"] == pytest.approx(0.02)


def test_a_hundredth_of_real_patients_where_independent_codes_are_as_good():
    assert margins({"coverage": 0.99})["coverage"] == pytest.approx(0.01)
    assert margins({})["coverage"] == pytest.approx(0.01)


def test_a_rate_has_half_a_percentage_point_whatever_the_gap():
    assert margins({"sex_violations": 0.4})["sex_violations"] == RATE


def test_what_real_patients_cannot_have_is_measured_by_the_reference():
    assert margins({}, nll_per_code=5.0)["nll_per_code"] == pytest.approx(0.05)


def test_without_any_gap_or_value_only_no_difference_is_no_effect():
    assert margins({"unigram_js": 0.0})["unigram_js"] == 0


def test_without_a_floor_there_is_no_margin():
    assert equivalence_margins({"independent_codes": {"pair_r2": 0.5}}, {"pair_r2": 0.5}) == {}
