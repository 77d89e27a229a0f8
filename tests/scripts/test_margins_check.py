"""The check of the resolution finds estimates right, too coarse and too fine that are so by construction."""

import numpy as np
import pytest
from scipy import stats

from scripts.margins_check import comparison, comparisons, drawn, page

DRAWS, FACTORS = 200, {"unigram_r2": 1.0, "pair_r2": 2.0, "coverage": 0.5}


def estimates(factor: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Values with standard deviation 3, and standard errors with four degrees of freedom, `factor` times too large."""
    return rng.normal(10, 3, DRAWS), factor * 3 * np.sqrt(rng.chisquare(4, DRAWS) / 4)


def test_the_ratio_by_hand():
    found = comparison([0.0, 2.0], [3.0, 4.0])
    assert found.spread == pytest.approx(np.sqrt(2))
    assert found.jackknife == pytest.approx(np.sqrt(12.5))
    assert found.ratio == pytest.approx(2.5)
    tails = stats.f(8, 1).ppf([0.975, 0.025])  # two draws: 2 x 4 degrees of freedom over 1
    assert (found.low, found.high) == pytest.approx(tuple(2.5 / np.sqrt(tails)))


def test_the_interval_holds_the_true_ratio_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = [found.low < 2 < found.high for found in (comparison(*estimates(2.0, rng)) for _ in range(400))]
    assert 0.92 < np.mean(hits) < 0.98


def test_what_is_too_coarse_and_too_fine_is_told():
    rng = np.random.default_rng(1)
    columns = {name: estimates(factor, rng) for name, factor in FACTORS.items()}
    draws = [tuple({n: float(c[which][i]) for n, c in columns.items()} for which in (0, 1)) for i in range(DRAWS)]
    for values, errors in draws:
        values["visits_per_patient"], errors["visits_per_patient"] = 1.0, 0.0  # always the same
    draws[0][0]["codes_per_visit"] = draws[0][1]["codes_per_visit"] = 1.0  # missing elsewhere
    found = comparisons(draws)
    assert list(found) == list(FACTORS)
    assert "- Stated too fine: coverage.\n- Stated too coarse: pair_r2.\n" in page(found, DRAWS, 10)


@pytest.mark.slow
def test_a_draw_has_metrics_with_their_errors():
    values, errors = drawn(150, 0)
    assert values.keys() & errors.keys() >= {"unigram_r2", "coverage", "codes_per_visit"}
    assert drawn(150, 1)[0] != values
