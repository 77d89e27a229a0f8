"""Variance over samples told apart from that over seeds: by drawing both, and by hand."""

import numpy as np
import pytest

from ehrgen.findings.statistics.sampling_noise import Noise, sampling_noise
from ehrgen.metrics.table.scores import Scores


def scores(*samples: float) -> Scores:
    return Scores({"coverage": float(np.mean(samples))}, {}, 9, {"coverage": list(samples)})


def test_by_hand():
    """Samples differ by 2, variance 2; the means of the reference are 1 and 5, those of the other 3 and 3."""
    runs = {"base": {0: scores(0, 2), 1: scores(4, 6)}, "less": {0: scores(2, 4), 1: scores(2, 4)}}
    noise = sampling_noise(runs, "base", ["less"])["coverage"]
    assert noise.over_samples == pytest.approx(2**0.5)
    assert noise.over_seeds == pytest.approx((4 - 2 / 2) ** 0.5), "mean of variances 8 and 0, less what samples add"
    assert noise.share == 0, "sample by sample the pairs differ by the same"


@pytest.mark.parametrize(("over_samples", "over_seeds", "samples"), [(1.0, 2.0, 4), (3.0, 0.5, 5), (0.5, 0.0, 2)])
def test_what_was_drawn_is_found(over_samples: float, over_seeds: float, samples: int):
    rng = np.random.default_rng(0)
    runs = {
        variant: {seed: scores(*rng.normal(rng.normal(0, over_seeds), over_samples, samples)) for seed in range(400)}
        for variant in ("base", "less", "more")
    }
    noise = sampling_noise(runs, "base", ["less", "more"])["coverage"]
    assert noise.samples == samples
    assert noise.over_samples == pytest.approx(over_samples, rel=0.05)
    assert noise.over_seeds == pytest.approx(over_seeds, abs=0.15)
    of_samples = over_samples**2 / samples
    assert noise.share == pytest.approx(of_samples / (of_samples + over_seeds**2), abs=0.08)
    assert noise.mostly_sampling == (of_samples > over_seeds**2)


def test_other_models_single_samples_and_single_seeds_are_left_out():
    runs = {"base": {0: scores(0, 2), 1: scores(4, 7)}, "replica": {0: scores(9, 9), 1: scores(9, 9)}}
    assert sampling_noise(runs, "base", []) == {}
    assert sampling_noise({"base": runs["base"], "less": {0: scores(1, 2)}}, "base", ["less"]) == {}
    single = {"base": {0: scores(1), 1: scores(2)}, "less": {0: scores(1), 1: scores(4)}}
    assert sampling_noise(single, "base", ["less"]) == {}
    old = {variant: {seed: Scores({"coverage": 1.0}, {}, 9) for seed in (0, 1)} for variant in ("base", "less")}
    assert sampling_noise(old, "base", ["less"]) == {}


def test_a_variant_that_trains_what_the_reference_trains_says_nothing_of_pairs():
    base = {0: scores(0, 2), 1: scores(4, 7)}
    less = {0: scores(1, 2), 1: scores(4, 9)}
    alone = sampling_noise({"base": base, "less": less}, "base", ["less"])["coverage"].share
    beside = sampling_noise({"base": base, "less": less, "same": base}, "base", ["less", "same"])["coverage"].share
    assert alone == beside > 0


def test_content_is_rounded():
    content = Noise(4, 0.123456, 0.1, 0.6).content()
    assert content == {"samples": 4, "over_samples": 0.1235, "over_seeds": 0.1, "share": 0.6, "mostly_sampling": True}
