import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ehrgen.findings.statistics.intervals import Estimate, paired_difference, t_quantile


@pytest.mark.parametrize("freedom", [*range(1, 40), 199, 200])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_quantiles_equal_scipy(freedom: int, level: float):
    assert t_quantile(freedom, level) == pytest.approx(stats.t.ppf((1 + level) / 2, freedom), rel=1e-9)


@given(st.lists(st.integers(-100, 100).map(float), min_size=2, max_size=9, unique=True))
def test_interval_equals_scipy(values: list[float]):
    estimate = Estimate.of(values)
    low, high = stats.t.interval(0.95, len(values) - 1, loc=sum(values) / len(values), scale=stats.sem(values))
    assert estimate.mean - estimate.half_width == pytest.approx(low, abs=1e-6)
    assert estimate.mean + estimate.half_width == pytest.approx(high, abs=1e-6)


def test_by_hand():
    estimate = Estimate.of([1, 2, 3])  # sd 1, so 4.3027 / sqrt(3)
    assert estimate.mean == 2
    assert estimate.half_width == pytest.approx(4.302653 / 3**0.5)


@pytest.mark.parametrize("values", [[1, 2, 3], [-5, -6, -7.5], [0.1, -0.1, 0.05, 0.3], [3, -3]])
def test_p_equals_scipy(values: list[float]):
    assert Estimate.of(values).p == pytest.approx(stats.ttest_1samp(values, 0).pvalue, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("values", [[1, 2, 3], [-5, -6, -7.5], [0.1, -0.1, 0.05, 0.3]])
def test_lies_within_the_margin_that_its_ninety_percent_interval_reaches(values: list[float]):
    ends = stats.t.interval(0.9, len(values) - 1, loc=sum(values) / len(values), scale=stats.sem(values))
    reach = max(map(abs, ends))
    assert Estimate.of(values).lies_within(reach * 1.001, 0.9)
    assert not Estimate.of(values).lies_within(reach * 0.999, 0.9)


def test_without_spread_the_mean_alone_speaks():
    assert Estimate.of([2, 2]).p == 0 and Estimate.of([0, 0]).p == 1


def test_one_seed_has_no_interval_and_says_nothing():
    one = Estimate.of([4])
    assert one == Estimate(4.0, None, 1)
    assert one.p is None and not one.lies_within(10, 0.9)


def test_no_seed_is_an_error():
    with pytest.raises(ValueError, match="no seed"):
        Estimate.of([])


def test_pairs_take_the_noise_of_the_seed_out():
    shared = {0: 10, 1: 20, 2: 60}
    estimate = paired_difference({seed: value + 1 for seed, value in shared.items()}, shared)
    assert estimate == Estimate(1.0, 0.0, 3)
    assert paired_difference({0: 1}, {1: 1}) is None
