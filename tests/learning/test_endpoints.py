"""Every objective says what it is judged by, and every setting says on whom it acts."""

import pytest

from ehrgen.core.params import load_yaml
from ehrgen.findings.statistics.comparison import COMPARED, changes
from ehrgen.learning.endpoints import ENDPOINTS, OF_SETTING, changed_objectives, harmed, primary
from ehrgen.learning.settings import WEIGHTS, LossSettings
from tests.support.sandbox import ROOT

EFFECTIVE = load_yaml(ROOT / "resolved.yaml")["effective"]


@pytest.mark.parametrize("objective", WEIGHTS)
def test_every_objective_names_a_few_metrics_that_are_compared(objective: str):
    of_objective = ENDPOINTS[objective]
    assert 1 <= len(of_objective.moves) <= 2 and 1 <= len(of_objective.harms) <= 2
    assert {*of_objective.moves, *of_objective.harms} <= set(COMPARED)
    assert not {*of_objective.moves} & {*of_objective.harms}


def test_nothing_else_is_declared():
    assert set(ENDPOINTS) == set(WEIGHTS)
    assert {objective for acts_on in OF_SETTING.values() for objective in acts_on} <= set(WEIGHTS)


@pytest.mark.parametrize("name", LossSettings.model_fields)
def test_every_setting_of_the_loss_acts_on_somebody(name: str):
    value = {"sex": {"kind": "constant"}} if name == "schedules" else 1
    assert changed_objectives({f"loss.{name}": value})


@pytest.mark.parametrize("reference", ["multitask", "replica"])
def test_every_variant_of_params_yaml_has_primary_endpoints(reference: str):
    for variant, changed in changes(EFFECTIVE, reference).items():
        assert primary(changed), variant


def test_by_hand():
    assert primary({"loss.cooccur": 0}) == {
        "pair_r2": ["cooccur moves"],
        "pair_lift": ["cooccur moves"],
        "effective_codes": ["cooccur may harm"],
        "coverage": ["cooccur may harm"],
    }
    assert primary({}) == {}
    assert primary({"loss.cooccur": 0, "loss.diversity": 1})["effective_codes"] == [
        "cooccur may harm",
        "diversity moves",
    ]


@pytest.mark.parametrize(
    ("setting", "value", "objectives"),
    [
        ("loss.age", 0, ["age"]),
        ("loss.age_form", "states", ["age"]),
        ("loss.age_matching", 0.1, ["age_matching"]),
        ("loss.cooccur_threshold", 9, ["cooccur"]),
        ("loss.sex_pool", "all", ["sex"]),
        ("loss.schedules", {"sex": {}, "age": {}}, ["age", "sex"]),
        ("sampling.rule_edits", True, ["age", "sex"]),
        ("sampling.greedy", True, ["lm", "diversity"]),
        ("train.epochs", 9, ["lm"]),
    ],
)
def test_whom_a_setting_acts_on(setting: str, value: object, objectives: list[str]):
    assert changed_objectives({setting: value}) == objectives


def test_a_setting_of_nobody_is_an_error():
    with pytest.raises(KeyError, match="privacy"):
        changed_objectives({"privacy.epsilon": 1})


def test_harm_is_shown_by_whoever_has_more_of_the_objective():
    weights = {"cooccur": 0.05, "age": 0.005, "diversity": 0}
    assert harmed({"loss.cooccur": 0}, weights) == {"effective_codes": True, "coverage": True}
    assert harmed({"loss.cooccur_form": "npmi"}, weights) == {"effective_codes": False, "coverage": False}
    assert harmed({"loss.cooccur": 0, "loss.age": 0.01}, weights)["age_rule_patients"] is False
    assert "effective_codes" not in harmed({"loss.cooccur": 0, "loss.diversity": 1}, weights), "diversity moves it"
    both = {"loss.cooccur": 0, "loss.age_matching": 0.1}
    assert harmed(both, weights)["effective_codes"] is False, "one objective less and another one more"
    assert harmed({}, weights) == {}
