"""Factors by hand and their contract, chance against scipy, and what the settings refuse."""

import math
import re
from typing import Any

import numpy as np
import pytest
from scipy.stats import entropy

from ehrgen.core.params import ParamsError, parse
from ehrgen.data.cohort import age_bracket
from ehrgen.learning import settings
from ehrgen.learning.objectives.table import NAMES
from ehrgen.learning.settings import LossSettings, ScheduleSettings
from ehrgen.learning.training.chance import LABELLED, chance_of_label, chance_of_symbols, label_counts
from ehrgen.learning.training.schedules import ScheduleError, Schedules, factor
from tests.support.cohorts import cohort
from tests.support.sequences import sequences_of, tiny
from tests.support.training import LOSS, recipe

CASES: dict[str, dict[str, Any]] = {
    "constant": {},
    "linear": {"start": 1, "end": 0.2, "until_epoch": 4},
    "cosine": {"start": 0, "end": 1, "until_epoch": 2},
    "step": {"until_epoch": 3},
    "retire": {"below": 0.1, "epochs": 2},
}

RETIRE = {"kind": "retire", "below": 0.1, "epochs": 1}


def schedule(kind: str, **changes: Any) -> ScheduleSettings:
    loss = parse(LOSS | {"schedules": {"sex": {"kind": kind} | CASES[kind] | changes}}, LossSettings, "loss")
    return loss.schedules["sex"]


@pytest.mark.parametrize("kind", CASES)
def test_a_factor_is_finite_and_not_below_0(kind: str):
    factors = [factor(schedule(kind), passed, [0.5, 0.05, 0.05, 0.6], 0.7) for passed in np.linspace(0, 8, 33)]
    assert all(math.isfinite(each) and 0 <= each <= 1 for each in factors)


@pytest.mark.parametrize(
    ("kind", "factors"),
    [
        ("constant", [1, 1, 1, 1, 1]),
        ("linear", [1, 0.9, 0.8, 0.2, 0.2]),
        ("cosine", [0, 0.5 - math.sqrt(0.125), 0.5, 1, 1]),
        ("step", [1, 1, 1, 0, 0]),
    ],
)
def test_by_hand(kind: str, factors: list[float]):
    assert [factor(schedule(kind), passed, []) for passed in (0, 0.5, 1, 4, 9)] == pytest.approx(factors)


def test_a_step_ends_with_its_epoch():
    assert [factor(schedule("step"), passed, []) for passed in (0, 2.999, 3)] == [1, 1, 0]


@pytest.mark.parametrize(
    ("past", "left"),
    [
        ([], 1),
        ([0.05], 1),
        ([0.05, 0.05], 0),
        ([0.05, 0.08, 0.05], 1),  # not in a row
        ([0.05, 0.05, 0.6], 0),  # retired is retired
        ([0.07, 0.07], 1),  # not below
    ],
)
def test_retired_once_below_a_tenth_of_chance_twice_in_a_row(past: list[float], left: float):
    assert factor(schedule("retire"), len(past), past, chance=0.7) == left


@pytest.mark.parametrize("age_form", ["states", "consistency"])
def test_chance_is_the_entropy_of_the_labels(age_form: str):
    training = tiny()
    lengths = np.diff(training.offsets) - 1
    predicted = [
        token for p in range(len(training)) for token in training.tokens[slice(*training.offsets[p : p + 2])][1:]
    ]
    expected = {
        "lm": entropy(np.unique(predicted, return_counts=True)[1]),
        "age": entropy(np.bincount(np.repeat(age_bracket(training.age), lengths if age_form == "states" else 1))),
        "sex": entropy(np.bincount(training.sex)),
    }
    chance = {name: chance_of_label(label_counts(training, name, age_form)) for name in LABELLED}
    assert chance | {"lm": chance_of_symbols(training, "factored")} == pytest.approx(expected)
    assert set(expected) == set(settings.WITH_CHANCE)


def test_chance_by_hand():
    """Three women and a man: -3/4 ln 3/4 - 1/4 ln 1/4."""
    patients = cohort([["4019"], ["486"], ["486"], ["4019"]], sex="FFMF")
    assert chance_of_label(label_counts(sequences_of(patients), "sex", "states")) == pytest.approx(
        0.75 * math.log(4 / 3) + 0.25 * math.log(4)
    )


def test_what_can_only_be_one_thing_cannot_be_retired():
    with pytest.raises(
        ScheduleError, match=r"loss\.schedules\.sex: chance is 0 nats, the 2 training patients have one"
    ):
        Schedules(recipe(schedules={"sex": RETIRE}), sequences_of(cohort([["4019"], ["486"]], sex="FF")))


def test_each_objective_has_its_own_schedule():
    planned = Schedules(recipe(schedules={"sex": {"kind": "step", "until_epoch": 3}, "age": RETIRE}), tiny())
    past = {"lm": [5.0], "age": [0.01], "sex": [0.01], "cooccur": [1.0]}
    assert planned.factors(1, past) == {"lm": 1, "age": 0, "sex": 1, "cooccur": 1}
    assert planned.factors(3, past)["sex"] == 0


def test_the_settings_know_every_objective():
    assert settings.WEIGHTS == NAMES
    assert set(settings.WITH_CHANCE) <= set(settings.WEIGHTS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"schedules": {"sex": {"kind": "step", "until_epoch": 2, "until": 3}}},
            "loss.schedules.sex.step: unknown key 'until'; known keys: kind, until_epoch",
        ),
        ({"schedules": {"sx": {"kind": "constant"}}}, "loss: schedules: unknown objective 'sx'; known: lm, age, sex"),
        (
            {"schedules": {"sex": {"kind": "stop"}}},
            "the expected tags: 'constant', 'linear', 'cosine', 'step', 'retire'",
        ),
        ({"schedules": {"sex": {"kind": "step"}}}, "loss.schedules.sex.step.until_epoch: Field required"),
        (
            {"schedules": {"cooccur": {"kind": "retire", "below": 0.1, "epochs": 2}}},
            "loss: schedules.cooccur: retire needs a chance level, which lm, age, sex have; use step",
        ),
        ({"weighting": "grdnorm"}, "loss.weighting: Input should be 'fixed', 'uncertainty', 'gradnorm', 'dwa' or"),
        (dict.fromkeys(settings.WEIGHTS, 0), "loss: every weight is 0, nothing to train: set one of lm, age, sex"),
    ],
)
def test_what_cannot_be_followed_is_refused_in_one_line(changes: dict, message: str):
    with pytest.raises(ParamsError, match=re.escape(message)) as refused:
        parse(LOSS | changes, LossSettings, "loss")
    assert "\n" not in str(refused.value)


def test_a_variant_may_leave_out_an_objective_that_the_base_schedules():
    loss = parse(LOSS | {"sex": 0, "schedules": {"sex": {"kind": "step", "until_epoch": 1}}}, LossSettings, "loss")
    assert list(loss.weights()) == ["lm", "age", "cooccur"]
    assert parse(loss.model_dump(), LossSettings, "loss") == loss  # as resolved.yaml holds it
