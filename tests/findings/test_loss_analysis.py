"""No verdict is written by hand: made-up results turn every row of the table each way."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from ehrgen.core.params import load_yaml
from ehrgen.findings.statistics.history import History, Trace, Traces
from ehrgen.findings.statistics.results import Results
from ehrgen.findings.verdicts.claims import Claim, judge
from ehrgen.findings.verdicts.history_quantities import QUANTITIES
from ehrgen.findings.verdicts.loss_analysis import ANALYSIS, EXPECTED
from ehrgen.findings.verdicts.measures import Difference, FromHistory, HeadParameters, Level
from ehrgen.metrics.table.scores import Scores
from ehrgen.metrics.table.suite import METRICS
from tests.support.findings import SEEDS, results, trace, training
from tests.support.sandbox import ROOT

CLAIMS = [*ANALYSIS, *EXPECTED]
PLANT: dict[str, Callable[[float], dict[str, float]]] = {  # quantity -> the columns that give it this value
    "value left": lambda x: {"validation_value": x, "chance": 1.0},
    "accuracy": lambda x: {"accuracy": x},
    "accuracy from codes alone": lambda x: {"probe_accuracy": x},
    "accuracy owed to codes": lambda x: {"accuracy": 1.0, "majority": 0.5, "accuracy_codes_shuffled": 1 - x / 2},
    "knowledge owed to the prompt": lambda x: {"validation_value": 1.0, "chance": 2.0, "value_prompts_shuffled": 1 + x},
    "knowledge owed to the record": lambda x: {"validation_value": 1.0, "chance": 2.0, "validation_nll": 1 + x},
    "share of the loss": lambda x: {"share": x},
    "share of the gradient": lambda x: {"grad_share": x},
    "last share of the gradient": lambda x: {"grad_share": x},
    "value of lm / value": lambda x: {"value": 4.0 / x},
    "gradient of lm / gradient": lambda x: {"grad_share": 0.9 / x},
    "pull against lm": lambda x: {"grad_share": 0.5, "grad_cosine": -2 * x},
    "share above both heads": lambda x: {"share": 0.2 + x},
    "gradient above both heads": lambda x: {"grad_share": 0.2 + x},
}


def planted(claim: Claim, value: float, seed: int, given: Results) -> Results:
    """Results in which one seed of the claim's variant has this value."""
    measure = claim.measure
    if isinstance(measure, Level | Difference):
        start = given.runs[measure.against][seed].metrics[measure.metric] if isinstance(measure, Difference) else 0.0
        old = given.runs[measure.variant]
        new = Scores({**old[seed].metrics, measure.metric: start + value}, {}, 3000)
        return replace(given, runs={**given.runs, measure.variant: {**old, seed: new}})
    if isinstance(measure, FromHistory):
        old = given.histories[measure.variant]
        new = History(trained(measure, value), {}, 2)
        return replace(given, histories={**given.histories, measure.variant: {**old, seed: new}})
    old = given.manifests[measure.variant]
    if isinstance(measure, HeadParameters):
        new = {"parameters": {"all": 1.0, "age_head": value / 2, "sex_head": value / 2}}
    else:
        new = {"cpu_seconds": 100.0 * (1 + value)}
    return replace(given, manifests={**given.manifests, measure.variant: {**old, seed: new}})


def trained(measure: FromHistory, value: float) -> Traces:
    """A training in which the quantity has this value, and all else is as usual."""
    given = training()
    base = given[measure.objective].epochs[0]
    if measure.quantity == "drift":
        return given | {measure.objective: Trace((base | {"value": 1.0}, base | {"value": 1.0 + value}))}
    if measure.quantity == "error of the sum":
        total = sum(one.epochs[0]["value"] * one.epochs[0]["weight"] for one in given.values())
        return given | {measure.objective: trace(base, share=base["value"] / total + abs(value))}
    return given | {measure.objective: trace(base, **PLANT[measure.quantity](value))}


def around(claim: Claim, given: Results) -> tuple[float, float]:
    """A value under which the claim holds, and one under which it does not."""
    low, high = claim.support.limits(claim.measure, given)
    if math.isfinite(low) and math.isfinite(high):
        return (low + high) / 2, high + (high - low)
    edge, sign = (low, 1) if math.isfinite(low) else (high, -1)
    step = abs(edge) / 2 or 1e-3
    return edge + sign * step, edge - sign * step


def variants(claim: Claim) -> list[str]:
    return [getattr(claim.measure, name) for name in ("variant", "against") if hasattr(claim.measure, name)]


def verdict(claim: Claim, values: list[float]) -> str:
    given = results(*variants(claim))
    for seed, value in zip(SEEDS, values, strict=True):
        given = planted(claim, value, seed, given)
    return judge(claim, given).verdict


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: f"{claim.line}-{claim.quote}")
def test_results_turn_every_row_each_way(claim: Claim):
    inside, outside = around(claim, results(*variants(claim)))
    assert verdict(claim, [inside] * 3) == "supported"
    assert verdict(claim, [outside] * 3) == "refuted"
    assert verdict(claim, [inside, outside, inside]) == "undecided"
    assert judge(claim, results()).reason.startswith("not run: ")


def test_the_table_is_sound():
    assert len(ANALYSIS) >= 20 and all(claim.line for claim in ANALYSIS) and not any(c.line for c in EXPECTED)
    assert len(set(map(str, CLAIMS))) == len(CLAIMS)
    for claim in CLAIMS:
        assert len(claim.quote) <= 50, "the table fits a terminal"
        if isinstance(claim.measure, Level | Difference):
            assert claim.measure.metric in METRICS
        if isinstance(claim.measure, FromHistory):
            assert claim.measure.quantity in QUANTITIES


def test_every_variant_that_is_compared_is_run_by_a_study():
    studies = {name: load_yaml(ROOT / f"studies/{name}/params.yaml")["ablation"] for name in ("autopsy", "successors")}
    for claim in CLAIMS:
        assert any(set(variants(claim)) <= set(study["run"]) for study in studies.values()), claim
