"""The half-width of a mean against the textbook, and of the suite's metrics on cohorts."""

import numpy as np
import pytest
from made_up import cohort, population
from scipy import stats

from ehrgen.metrics.evaluation import Evidence
from ehrgen.metrics.jackknife import GROUPS, half_width, half_widths

RNG = np.random.default_rng(0)


def test_of_a_mean_it_is_that_of_the_group_means():
    values = RNG.normal(size=100)
    groups = values.reshape(GROUPS, -1)
    without = [np.delete(groups, one, axis=0).mean() for one in range(GROUPS)]
    expected = stats.t.ppf(0.975, GROUPS - 1) * stats.sem(groups.mean(axis=1))
    assert half_width(without) == pytest.approx(expected)


def test_patients_who_are_all_alike_move_nothing():
    alike = cohort([["4019 25000"]] * 40)
    found = half_widths(Evidence(alike, alike, alike), 0)
    assert found["codes_per_visit"] == found["distinct_codes"] == found["unigram_rmse"] == 0


def test_metrics_of_a_population_move_and_more_patients_move_less():
    few, many = (half_widths(Evidence(population(n, 1), population(n, 2), population(n, 3)), 0) for n in (120, 1200))
    for name in ("codes_per_visit", "unigram_r2", "unigram_rmse", "pair_r2"):
        assert 0 < many[name] < few[name], name


def test_what_has_no_value_has_no_half_width():
    alike = cohort([["4019"]] * 40)
    assert "nll_per_code" not in half_widths(Evidence(alike, alike, alike), 0)
