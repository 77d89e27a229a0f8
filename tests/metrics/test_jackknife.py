"""The standard error of a mean against the textbook, and of the suite's metrics on cohorts."""

import numpy as np
import pytest
from scipy import stats

from ehrgen.metrics.evaluation import EvaluationData
from ehrgen.metrics.jackknife import GROUPS, standard_error, standard_errors
from tests.support.cohorts import cohort, population

RNG = np.random.default_rng(0)


def test_of_a_mean_it_is_that_of_the_group_means():
    values = RNG.normal(size=100)
    groups = values.reshape(GROUPS, -1)
    without = [np.delete(groups, one, axis=0).mean() for one in range(GROUPS)]
    assert standard_error(without) == pytest.approx(stats.sem(groups.mean(axis=1)))


@pytest.mark.slow
def test_patients_who_are_all_alike_move_nothing():
    alike = cohort([["4019 25000"]] * 40)
    found = standard_errors(EvaluationData(alike, alike, alike), 0)
    assert found["codes_per_visit"] == found["distinct_codes"] == found["unigram_rmse"] == 0


@pytest.mark.slow
def test_metrics_of_a_population_move_and_more_patients_move_less():
    few, many = (
        standard_errors(EvaluationData(population(n, 1), population(n, 2), population(n, 3)), 0) for n in (120, 1200)
    )
    for name in ("codes_per_visit", "unigram_r2", "unigram_rmse", "pair_r2"):
        assert 0 < many[name] < few[name], name


@pytest.mark.slow
def test_what_has_no_value_has_no_standard_error():
    alike = cohort([["4019"]] * 40)
    assert "nll_per_code" not in standard_errors(EvaluationData(alike, alike, alike), 0)
