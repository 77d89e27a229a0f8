"""What is said of objectives at fault, and that it is what the verdict of the findings says."""

from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehrgen.findings.statistics.history import Trace
from ehrgen.findings.verdicts import losses
from ehrgen.learning.training.alarms import Alarms, leaks
from ehrgen.learning.training.history import Row

HONEST = Row(
    1, "sex", 0.4, 0.1, 0.04, 0.1, 0.5, 0.1, 0.0, 3.0,
    validation_value=0.4, chance=0.7, accuracy=0.8, value_codes_shuffled=0.9, accuracy_codes_shuffled=0.5,
    value_prompts_shuffled=0.4, accuracy_prompts_shuffled=0.8, probe_accuracy=0.8, majority=0.5,
)  # fmt: skip
LEAKY = replace(HONEST, validation_value=0.1, value_codes_shuffled=0.1, value_prompts_shuffled=3.0)
COPYING = replace(HONEST, objective="lm", validation_value=1.0, chance=5.0, validation_nll=6.0, accuracy=None)


def said(alarms: Alarms, *rows: Row, constants: frozenset[str] = frozenset()) -> list[str]:
    return list(alarms.changes(rows, set(constants)))


def test_a_fault_is_said_when_it_begins_and_when_it_ends():
    alarms = Alarms()
    assert said(alarms, HONEST) == []
    (begun,) = said(alarms, replace(LEAKY, epoch=2))
    assert begun.startswith("warning: epoch 2: sex is leaky: 0.1 nats, 0.7 at chance, 3 with another patient's prompt")
    assert "set loss.sex_form to consistency or loss.sex to 0" in begun
    assert said(alarms, replace(LEAKY, epoch=3)) == []
    assert said(alarms, replace(HONEST, epoch=4)) == ["epoch 4: sex is no longer leaky"]
    assert len(said(alarms, replace(LEAKY, epoch=5))) == 1


def test_lm_that_copies_the_record_is_leaky_too():
    (line,) = said(Alarms(), COPYING)
    assert "lm is leaky: 1 nats, 5 at chance, 6 under the inputs of sampling" in line
    assert line.endswith("set model.encoder_input to prompt")


def test_a_constant_is_called_that_whatever_else_it_is():
    (line,) = said(Alarms(), LEAKY, constants=frozenset({"sex"}))
    assert line.startswith("warning: epoch 1: sex is constant: value 0.4000, gradient exactly 0")


def test_without_a_weight_nothing_is_said():
    alarms = Alarms()
    assert said(alarms, replace(LEAKY, weight=0.0)) == []
    said(alarms, LEAKY)
    assert said(alarms, replace(HONEST, weight=0.0)) == [], "the verdict does not count this epoch either"


def test_other_objectives_have_no_label_to_leak():
    assert not leaks(replace(LEAKY, objective="cooccur", accuracy=None))
    assert not leaks(replace(LEAKY, accuracy=None)), "met through the codes: no head"


nats = st.one_of(st.none(), st.floats(0.01, 6))


@given(st.sampled_from(["lm", "age", "sex", "cooccur"]), nats, nats, nats, nats, st.floats(0.01, 6), st.booleans())
def test_the_warning_and_the_verdict_cannot_contradict_each_other(
    objective: str,
    value: float | None,
    chance: float | None,
    codes: float | None,
    prompts: float | None,
    sampler: float,
    head: bool,
):
    """From any numbers of a last epoch, as the history holds them."""
    row = replace(
        HONEST,
        objective=objective,
        validation_value=value,
        chance=chance,
        value_codes_shuffled=codes,
        value_prompts_shuffled=prompts,
        validation_nll=sampler,
        accuracy=0.9 if head and objective in ("age", "sex") else None,
    ).as_written()
    epoch = {name: number for name, number in asdict(row).items() if isinstance(number, float)}
    try:
        verdict = losses.leaky(objective, Trace((epoch,)))
    except losses.NotMeasuredError:
        verdict = False
    assert leaks(row) == verdict


@pytest.mark.parametrize(("codes", "leaky"), [(0.34, True), (0.36, False)])
def test_from_half_of_what_was_learned(codes: float, leaky: bool):
    """Chance 0.7 and value 0: with another's codes half of that is 0.35."""
    row = replace(HONEST, validation_value=0.0, chance=0.7, value_codes_shuffled=codes, value_prompts_shuffled=0.0)
    assert leaks(row) == leaky
