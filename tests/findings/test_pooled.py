"""One verdict over runs: the random-effects mean against statsmodels, and each rule by hand."""

import math

import numpy as np
import pytest
from statsmodels.stats.meta_analysis import combine_effects

from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.findings.verdicts.claims import Claim, Harmless, Recovers, at_least
from ehrgen.findings.verdicts.measures import Level
from ehrgen.findings.verdicts.pooled import DECIDED, combined, pooled

MEASURE = Level("coverage", "replica")
CLAIM = Claim(1, "a sentence", MEASURE, at_least(1.0, "one"))
COHORTS = {"default": "simulated", "autopsy": "simulated", "nhds": "nhds", "demo": "mimic3"}


def entry(mean: float, half_width: float | None = 0.1, seeds: int = 3, **more) -> dict:
    parts = {} if half_width is None else {"half_width": half_width}
    return {"mean": mean, "seeds": seeds, "supported_from": 1.0} | parts | more


def verdict(claim: Claim = CLAIM, **written: dict) -> str:
    return pooled(claim, written, COHORTS).verdict


@pytest.mark.parametrize("means", [(1.0, 1.1, 0.9), (0.2, 1.5), (3.0, 1.0, 2.0, 2.5), (0.1, 5.0, 0.2)])
def test_mean_and_spread_between_cohorts_equal_statsmodels(means: tuple[float, ...]):
    effects = [Estimate(mean, 0.2 + 0.1 * place, 3 + place) for place, mean in enumerate(means)]
    theirs = combine_effects(np.array(means), np.array([one.error**2 for one in effects]), method_re="dl")
    mean, share = combined(effects)
    kind = "re" if theirs.tau2 > 0 else "fe"  # its variance between cohorts may be negative, ours is none then
    assert mean.mean == pytest.approx(getattr(theirs, f"mean_effect_{kind}"))
    assert mean.error == pytest.approx(getattr(theirs, f"sd_eff_w_{kind}"))
    assert share == pytest.approx(max(0.0, theirs.i2))


def test_degrees_of_freedom_are_between_those_of_one_and_of_all():
    alike = combined([Estimate(1.0, 0.2, 5)] * 3)[0]
    assert alike.freedom == 12
    lopsided = combined([Estimate(1.0, 0.001, 3), Estimate(1.0, 5.0, 30)])[0]
    assert lopsided.freedom == 2
    assert combined([Estimate(1.0, 0.1, 3)]) == combined([Estimate(1.0, None, 1)] * 2) == (None, None)


def test_the_interval_covers_where_cohorts_are_alike():
    rng, covered = np.random.default_rng(0), 0
    for _ in range(2000):
        mean, _ = combined([Estimate.of(list(rng.normal(1.0, spread, 5))) for spread in (1.0, 1.0, 2.0)])
        covered += abs(mean.mean - 1.0) <= mean.half_width
    assert covered / 2000 > 0.92


def test_verdicts_by_hand():
    assert verdict(default=entry(2.0), nhds=entry(3.0)) == "supported", "each alone says so, though they differ"
    assert verdict(default=entry(0.5), nhds=entry(2.0)) == "depends on the run"
    assert verdict(default=entry(0.5), autopsy=entry(2.0, seeds=5)) == "depends on the run", "of one cohort, too"
    assert verdict(default=entry(1.4, 0.5), nhds=entry(1.6, 0.5), demo=entry(1.5, 0.55)) == "supported"
    one, two = entry(1.25, 0.3), entry(1.25, 0.3)
    assert verdict(default=one) == "undecided"
    assert verdict(default=one, nhds=two) == "supported", "together they say what neither says alone"
    assert verdict(default=entry(0.9, None, 1)) == "undecided"


def test_of_each_cohort_the_run_with_most_seeds_speaks_once():
    written = {"default": entry(1.05, 0.3), "autopsy": entry(1.5, 0.4, seeds=5), "nhds": entry(1.4, 0.6)}
    found = pooled(CLAIM, written, COHORTS)
    assert [one.run for one in found.evidence] == ["autopsy", "nhds", "default"]
    assert found.effect == combined([Estimate(1.5, 0.4, 5), Estimate(1.4, 0.6, 3)])[0]


def test_what_no_run_has_and_what_is_vacuous_in_all():
    vacuous = {"reason": "sex_violations of replica: vacuous: no synthetic code carries a rule on sex"}
    absent = {"reason": "not run: replica"}
    assert verdict(default=vacuous, nhds=absent) == "cannot be tested" in DECIDED
    assert verdict(default=vacuous, nhds={"reason": "sex_violations of replica: no value"}) == "undecided"
    assert verdict(default=absent) == "undecided"
    assert verdict(default=vacuous, nhds=entry(2.0)) == "supported"


@pytest.mark.parametrize(
    ("support", "written", "mean", "low"),
    [
        (Recovers(), {"supported_from": 0.5}, 4.0, 1.0),
        (Recovers(), {"supported_from": -math.inf, "supported_to": -0.5}, -4.0, 1.0),
        (Harmless(), {"supported_from": -0.5}, 4.0, -1.0),
        (Harmless(), {"supported_from": -math.inf, "supported_to": 0.5}, -4.0, -1.0),
    ],
)
def test_a_share_of_a_gap_is_the_unit(support, written: dict, mean: float, low: float):
    claim = Claim(1, "a sentence", MEASURE, support)
    (one,) = pooled(claim, {"default": entry(2.0, 0.5) | written}, COHORTS).evidence
    assert (one.effect.mean, one.effect.half_width, one.limits) == (mean, 1.0, (low, math.inf))
