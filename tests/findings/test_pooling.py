"""One estimate of chance for variants that are alike: against statsmodels, by hand, and whether its error holds."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.formula.api import ols

from ehrgen.findings.statistics.intervals import paired_difference
from ehrgen.findings.statistics.pooling import differences, in_proportion, pooled_chance

RNG = np.random.default_rng(0)
BASE = ("base", "x")


def drawn(variants: int, seeds: int, rng: np.random.Generator, scale=1.0, effects=0.0) -> dict:
    """(variant, x) -> seed -> value: an effect of the seed that all variants share, and chance of each."""
    values = rng.normal(0, 3, seeds) + np.broadcast_to(effects, variants)[:, None]
    values = values + rng.normal(0, 1, (variants, seeds)) * np.broadcast_to(scale, variants)[:, None]
    names = ["base", *(f"v{number}" for number in range(1, variants))]
    return {(name, "x"): dict(enumerate(map(float, row))) for name, row in zip(names, values, strict=True)}


def test_chance_equals_the_residual_of_a_two_way_analysis_of_variance():
    values = drawn(5, 3, RNG)
    long = pd.DataFrame([(v, s, y) for (v, _), row in values.items() for s, y in row.items()], columns=["v", "s", "y"])
    fitted = ols("y ~ C(v) + C(s)", long).fit()
    chance = pooled_chance({variant: row for (variant, _), row in values.items()}, values[BASE])
    assert chance is not None and chance.freedom == fitted.df_resid == 8
    assert chance.variance == pytest.approx(fitted.mse_resid)
    found = differences(values, "base", ["v1", "v2", "v3", "v4"])["v3", "x"]
    low, high = fitted.conf_int().loc["C(v)[T.v3]"]
    assert (found.mean - found.half_width, found.mean + found.half_width) == pytest.approx((low, high))
    assert found.p == pytest.approx(fitted.pvalues["C(v)[T.v3]"])


def test_two_variants_are_a_paired_test():
    values = drawn(2, 4, RNG)
    own = paired_difference(values["v1", "x"], values[BASE])
    assert differences(values, "base", ["v1"]) == differences(values, "base") == {("v1", "x"): own}


def test_who_is_not_alike_keeps_their_own_spread_and_leaves_that_of_others():
    values = drawn(4, 3, RNG)
    wild = {("wild", "x"): {0: 50.0, 1: -90.0, 2: 10.0}, ("short", "x"): {0: 5.0, 1: 6.0}}
    alone = differences(values, "base", ["v1", "v2", "v3"])
    beside = differences(values | wild, "base", ["v1", "v2", "v3", "short"])
    assert {key: beside[key] for key in alone} == alone
    assert beside["wild", "x"] == paired_difference(wild["wild", "x"], values[BASE])
    assert beside["short", "x"] == paired_difference(wild["short", "x"], values[BASE]), "it lacks a seed"


def test_variants_that_train_alike_count_once_and_their_difference_is_exactly_0():
    values = drawn(3, 3, RNG)
    alike = ["v1", "v2", "again", "same"]
    beside = values | {("again", "x"): values["v1", "x"], ("same", "x"): values[BASE]}
    found = differences(beside, "base", alike)
    assert found["again", "x"] == found["v1", "x"] == differences(values, "base", alike)["v1", "x"]
    assert (found["same", "x"].mean, found["same", "x"].half_width) == (0, 0)


def false_alarms(scale: float | list[float], tests: int = 4000) -> np.ndarray:
    """How often each of five variants without effect has a p value of at most 5 %, by three seeds."""
    rng, found = np.random.default_rng(7), []
    for _ in range(tests):
        judged = differences(drawn(6, 3, rng, scale), "base", ["v1", "v2", "v3", "v4", "v5"])
        found.append([judged[f"v{number}", "x"].p <= 0.05 for number in range(1, 6)])
    return np.mean(found, axis=0)


@pytest.mark.slow
def test_the_error_is_what_it_says():
    assert false_alarms(1.0) == pytest.approx(0.05, abs=0.012)


@pytest.mark.slow
def test_the_error_where_one_variant_is_noisier_than_assumed():
    """One of six with twice the deviation of the others: its own error grows, to less than four times; theirs falls."""
    rates = false_alarms([1, 2, 1, 1, 1, 1])
    assert 0.05 < rates[0] < 0.2 and all(rate < 0.05 for rate in rates[1:])


def test_three_seeds_find_more():
    rng, effects = np.random.default_rng(1), [0, 3, 0, 0, 0, 0]
    found = {True: 0, False: 0}
    for _ in range(400):
        values = drawn(6, 3, rng, effects=effects)
        for pools in found:
            alike = ["v1", "v2", "v3", "v4", "v5"] if pools else []
            found[pools] += differences(values, "base", alike)["v1", "x"].p <= 0.0125
    assert found[True] > 3 * found[False] > 0


@pytest.mark.slow
def test_an_interval_of_pooled_spread_covers_as_it_says():
    rng, effects = np.random.default_rng(2), [0, 3, 0, 0, 0, 0]
    covered = 0
    for _ in range(2000):
        one = differences(drawn(6, 3, rng, effects=effects), "base", ["v1", "v2", "v3", "v4", "v5"])["v1", "x"]
        covered += abs(one.mean - 3) <= one.half_width
    assert covered / 2000 == pytest.approx(0.95, abs=3 * stats.binom.std(2000, 0.95) / 2000)


def test_one_whose_seeds_collapse_is_left_out_and_judged_by_its_own_spread():
    rng = np.random.default_rng(4)
    values = drawn(6, 3, rng)
    collapsed = {("v9", "x"): {0: 5.0, 1: -70.0, 2: 2.0}}
    alike = ["v1", "v2", "v3", "v4", "v5", "v9"]
    alone, beside = differences(values, "base", alike), differences(values | collapsed, "base", alike)
    assert {key: beside[key] for key in alone} == alone
    assert beside["v9", "x"] == paired_difference(collapsed["v9", "x"], values[BASE])


def test_hardly_anybody_is_left_out_by_chance():
    rng, left_out = np.random.default_rng(6), 0
    for _ in range(1500):
        rows = {variant: row for (variant, _), row in drawn(6, 3, rng).items()}
        left_out += len(in_proportion(rows)) < len(rows)
    assert left_out / 1500 < 0.04
