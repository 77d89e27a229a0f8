from ehrgen.findings.statistics.costs import TrainingCost, costs
from ehrgen.findings.statistics.intervals import Estimate


def run(seconds: float, **more: int) -> dict[str, float]:
    return {"seconds": seconds + 5, "cpu_seconds": seconds} | more


def test_by_hand():
    cost_of = costs({"base": {0: run(20, steps=400), 1: run(30, steps=400)}, "slow": {1: run(60, steps=400)}}, "base")
    assert cost_of["base"].seconds == Estimate.of([25, 35])
    assert cost_of["base"].step == Estimate.of([62.5, 87.5])
    assert cost_of["base"].ratio == Estimate.of([1, 1])
    assert cost_of["slow"] == TrainingCost(Estimate.of([65]), Estimate.of([162.5]), Estimate.of([2])), (
        "paired with seed 1"
    )


def test_what_is_not_known_is_none():
    cost_of = costs({"base": {}, "old": {0: run(20, steps=400), 1: run(20)}}, "base")
    assert cost_of == {"old": TrainingCost(Estimate.of([25, 25]), None, None)}


def test_a_gpu_has_no_cpu_time_to_compare():
    gpu = {"seconds": 10.0, "steps": 100}
    assert costs({"base": {0: gpu}, "slow": {0: gpu}}, "base")["slow"].ratio is None
