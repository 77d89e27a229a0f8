import pytest

from ehrgen.findings.statistics.history import Trace, Traces
from ehrgen.findings.verdicts.history_quantities import QUANTITIES
from tests.support.findings import HEALTHY_HEAD, HEALTHY_LM, trace, training


def planted(objective: str, **changed: float | None) -> Traces:
    traces = training()
    return traces | {objective: trace(HEALTHY_HEAD, **changed)}


@pytest.mark.parametrize(
    ("quantity", "changed", "expected"),
    [
        ("value left", {"validation_value": 0.2, "chance": 0.8}, 0.25),
        ("accuracy", {"accuracy": 0.7}, 0.7),
        ("accuracy from codes alone", {"probe_accuracy": 0.6}, 0.6),
        ("accuracy owed to codes", {"accuracy": 0.9, "majority": 0.5, "accuracy_codes_shuffled": 0.8}, 0.25),
        ("accuracy owed to codes", {"accuracy": 0.5, "majority": 0.5}, None),
        ("knowledge owed to the prompt", {"validation_value": 0, "chance": 2, "value_prompts_shuffled": 1}, 0.5),
        ("share of the loss", {"share": 0.3}, 0.3),
        ("share of the gradient", {"grad_share": 0.3}, 0.3),
        ("last share of the gradient", {"grad_share": 0.3}, 0.3),
        ("value of lm / value", {"value": 0.5}, 8.0),
        ("value of lm / value", {"value": 0}, None),
        ("gradient of lm / gradient", {"grad_share": 0.09}, 10.0),
        ("pull against lm", {"grad_share": 0.5, "grad_cosine": -0.5}, 0.25),
        ("pull against lm", {"grad_share": 0.0, "grad_cosine": None}, 0.0),
        ("pull against lm", {"grad_cosine": None}, None),
    ],
)
def test_by_hand(quantity: str, changed: dict[str, float | None], expected: float | None):
    traces = QUANTITIES[quantity](planted("sex", **changed), "sex")
    assert traces == (expected if expected is None else pytest.approx(expected))


def test_above_heads():
    traces = training() | {"cooccur": trace(HEALTHY_HEAD, share=0.5, grad_share=0.05)}
    assert QUANTITIES["share above both heads"](traces, "cooccur") == pytest.approx(0.3)
    assert QUANTITIES["gradient above both heads"](traces, "cooccur") == pytest.approx(-0.15)


def test_drift_is_from_the_first_epoch():
    values = ({"value": 2.0}, {"value": 1.0}, {"value": 2.5})
    assert QUANTITIES["drift"]({"x": Trace(values)}, "x") == 0.5
    assert QUANTITIES["drift"]({"x": Trace(values[:1])}, "x") == 0


def test_the_record():
    traces = {"lm": trace(HEALTHY_LM, chance=6, validation_value=2, validation_nll=8)}
    assert QUANTITIES["knowledge owed to the record"](traces, "lm") == 1.5


def test_the_sum_is_redone():
    """2 + 0.5 x 4 = 4, of which lm has one half."""
    lm = {"epoch": 1.0, "weight": 1.0, "value": 2.0, "share": 0.5}
    sex = {"epoch": 1.0, "weight": 0.5, "value": 4.0, "share": 0.4}
    traces = {"lm": Trace((lm,)), "sex": Trace((sex,)), "age": Trace(({"epoch": 2.0, "weight": 1.0, "value": 9.0},))}
    assert QUANTITIES["error of the sum"](traces, "lm") == 0
    assert QUANTITIES["error of the sum"](traces, "sex") == pytest.approx(0.1)
    assert QUANTITIES["error of the sum"](traces, "age") is None


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_what_was_not_measured_is_none(quantity: str):
    assert QUANTITIES[quantity]({"sex": Trace(({"epoch": 1.0, "weight": 1.0},))}, "sex") is None
