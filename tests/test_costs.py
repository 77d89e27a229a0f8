from ehrgen.findings.costs import Cost, costs
from ehrgen.findings.intervals import Estimate


def run(seconds: float, **more: int) -> dict[str, float]:
    return {"seconds": seconds} | more


def test_by_hand():
    found = costs({"base": {0: run(20, steps=400), 1: run(30, steps=400)}, "slow": {1: run(60, steps=400)}}, "base")
    assert found["base"].seconds == Estimate.of([20, 30])
    assert found["base"].step == Estimate.of([50, 75])
    assert found["base"].ratio == Estimate.of([1, 1])
    assert found["slow"] == Cost(Estimate.of([60]), Estimate.of([150]), Estimate.of([2])), "paired with seed 1"


def test_what_is_not_known_is_none():
    found = costs({"base": {}, "old": {0: run(20, steps=400), 1: run(20)}}, "base")
    assert found == {"old": Cost(Estimate.of([20, 20]), None, None)}
