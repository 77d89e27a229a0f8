"""Which way harm goes, by hand, and the one-sided question asked of it."""

import numpy as np
import pytest

from ehrgen.findings.statistics.harm import harm_ways
from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.findings.statistics.significance import significance

KEY = ("less", "x")


def way(metric: str, ours: float, base: float, of_reference: bool, floor: float | None = 1.0) -> int | None:
    estimates = {"less": {metric: Estimate(ours, 0.1, 3)}, "base": {metric: Estimate(base, 0.1, 3)}}
    known = {} if floor is None else {"floor": {metric: floor}}
    return harm_ways({"less": {metric: of_reference}}, estimates, known, "base").get(("less", metric))


def test_which_way_by_hand():
    assert way("membership_auc", 0.52, 0.51, of_reference=False) == 1, "lower is better: more is harm to the variant"
    assert way("unigram_r2", 0.9, 0.8, of_reference=False) == -1
    assert way("coverage", 0.9, 0.8, of_reference=True) == 1, "both below real patients: the reference is farther"
    assert way("coverage", 1.2, 1.1, of_reference=True) == -1, "both above"
    assert way("coverage", 1.2, 0.8, of_reference=True) is None and way("coverage", 0.9, 0.8, True, None) is None


@pytest.mark.parametrize(
    ("mean", "half_width", "harm", "outcome"),
    [(-3.0, 4.0, 1, "no harm"), (-3.0, 4.0, -1, "undecided"), (-3.0, 4.0, None, "undecided"),
     (0.5, 1.9, 1, "undecided"), (0.1, 0.2, 1, "equivalent"), (9.0, 1.0, 1, "differs"), (-9.0, 1.0, 1, "differs")],
)  # fmt: skip
def test_harm_is_asked_of_one_side(mean: float, half_width: float, harm: int | None, outcome: str):
    ways = {} if harm is None else {KEY: harm}
    judged = significance({KEY: Estimate(mean, half_width, 5)}, {KEY: 1.0}, [KEY], ways)[KEY]
    assert judged.outcome == outcome and (judged.seeds is None or outcome == "undecided")


def test_harm_of_exactly_the_margin_is_called_none_in_one_of_twenty():
    rng, calls = np.random.default_rng(3), 0
    for _ in range(4000):
        one = Estimate.of(list(rng.normal(1.0, 1.0, 4)))
        calls += one.lies_below(1.0, 0.9)
    assert calls / 4000 == pytest.approx(0.05, abs=0.011)
