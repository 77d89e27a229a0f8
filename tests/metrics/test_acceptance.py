"""No metric without this: on simulated patients the suite must rank generators as their known faults demand.

`make metrics-check` holds the same claims at 5,000 patients and prints the numbers.
"""

from functools import cache

import pytest

from ehrgen.data.cohort import Cohort
from ehrgen.metrics.evaluation import EvaluationData
from ehrgen.metrics.table.suite import METRICS, function
from scripts import metrics_check
from scripts.metrics_check import FLOOR, Claim

N = 2000
CLAIMS = list(metrics_check.claims())


@cache
def cohorts() -> dict[str, Cohort]:
    return metrics_check.cohorts(N, seed=0)


@cache
def value(name: str, owner: str) -> float:
    """A metric of one cohort, below its minimum too: these faults are large enough for 2,000 patients."""
    made = cohorts()
    data = EvaluationData(made["heldout"], made[owner], made["train"])
    return function(name)(*(getattr(data, part) for part in METRICS[name].uses))


@pytest.mark.slow
@pytest.mark.parametrize("claim", sorted(CLAIMS, key=lambda claim: claim.owner), ids=lambda c: f"{c.owner}-{c.metric}")
def test_holds(claim: Claim):
    gap = METRICS[claim.metric].gap(value(claim.metric, claim.owner), value(claim.metric, FLOOR))
    assert claim.holds(gap), f"{claim}: {gap:.4g}"


@pytest.mark.slow
def test_a_memoriser_is_recognised():
    assert value("membership_auc", "memoriser") > 0.9
    assert value("density_membership_tpr", "memoriser") > 0.5


def test_a_claim_can_fail():
    claim = Claim("", "pair_r2", "collapsed", least=0.1, most=0.2)
    assert [claim.holds(gap) for gap in (0.05, 0.1, 0.15, 0.25)] == [False, False, True, False]


@pytest.mark.slow
def test_each_claim_is_about_a_metric_and_a_cohort_that_exist():
    assert {claim.metric for claim in CLAIMS} <= METRICS.keys()
    assert {claim.owner for claim in CLAIMS} <= cohorts().keys()
