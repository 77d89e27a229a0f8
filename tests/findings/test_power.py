"""Power against statsmodels and by drawing seeds; seeds by their contract."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.findings.statistics.power import (
    MOST_SEEDS,
    POWER,
    Spread,
    seeds_to_decide_difference,
    seeds_to_decide_range,
)


@pytest.mark.parametrize("seeds", [3, 5, 10, 30])
@pytest.mark.parametrize("effect", [0.2, 0.5, 1.0])
def test_power_to_differ_equals_statsmodels(seeds: int, effect: float):
    expected = TTestPower().power(effect, seeds, 0.05)
    assert Spread(effect, 1.0).lies_outside(0, 0, seeds, 0.95) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("mean", "seeds", "margin"), [(0.0, 10, 1.0), (0.2, 20, 0.8), (0.0, 4, 2.0), (-0.3, 8, 2.0)])
def test_power_to_lie_within_is_what_drawn_seeds_have(mean: float, seeds: int, margin: float):
    drawn = np.random.default_rng(0).normal(mean, 1.0, (40_000, seeds))
    half = stats.t.ppf(0.95, seeds - 1) * drawn.std(axis=1, ddof=1) / seeds**0.5
    within = (np.abs(drawn.mean(axis=1)) + half < margin).mean()
    assert Spread(mean, 1.0).lies_inside(-margin, margin, seeds, 0.9) == pytest.approx(within, abs=0.02)


def test_open_ends_are_never_crossed():
    spread = Spread(1.0, 1.0)
    assert spread.lies_inside(-np.inf, np.inf, 3, 0.95) == 1 and spread.lies_outside(-np.inf, np.inf, 3, 0.95) == 0
    assert spread.lies_inside(0.0, np.inf, 9, 0.95) == pytest.approx(spread.lies_outside(0.0, 0.0, 9, 0.95), abs=1e-4)


def test_the_fewest_seeds_have_the_power_and_one_less_has_not():
    difference = Estimate.of([0.5, 1.5, -0.5, 1.0])
    seeds = seeds_to_decide_difference(difference, 0.1, 0.05, 0.05)
    spread = Spread.of(difference)
    power = [spread.lies_outside(0, 0, n, 0.95) for n in (seeds - 1, seeds)]
    assert power[0] < POWER <= power[1]


def test_a_wider_margin_and_less_spread_need_fewer_seeds():
    noise = Estimate.of([1.0, -1.0, 0.1])
    wide, narrow = (seeds_to_decide_difference(noise, margin, 0.05, 0.05) for margin in (2.0, 1.0))
    assert 3 < wide < narrow < MOST_SEEDS
    assert seeds_to_decide_difference(noise, 0.0, 0.05, 0.05) is None


def test_a_range_is_decided_from_either_side_and_not_at_its_edge():
    inside, outside, edge = (Estimate(mean, 2.0, 4) for mean in (1.5, -1.5, 0.001))
    decided = [seeds_to_decide_range(one, (0.0, np.inf)) for one in (inside, outside)]
    assert decided[0] == decided[1] > 4
    assert seeds_to_decide_range(edge, (0.0, np.inf)) is None


def test_more_seeds_than_there_are():
    assert seeds_to_decide_range(Estimate(1.0, 0.1, 7), (0.0, np.inf)) == 8


def test_one_seed_has_no_spread():
    with pytest.raises(ValueError, match="no spread"):
        Spread.of(Estimate(1.0, None, 1))
