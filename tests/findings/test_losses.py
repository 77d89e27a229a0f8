from collections.abc import Mapping

import pytest

from ehrgen.findings.statistics.history import Trace
from ehrgen.findings.verdicts.losses import RULES, diagnose, judge
from tests.support.findings import HEALTHY_HEAD, HEALTHY_LM, HEALTHY_OTHER, trace, training

LEAK = {"validation_value": 0.002, "value_codes_shuffled": 0.003, "value_prompts_shuffled": 3.1, "accuracy": 0.999}
SOLVED = {"validation_value": 0.002, "value_codes_shuffled": 3.1, "value_prompts_shuffled": 0.003, "accuracy": 0.999}
OF_CHANCE = ("leaky", "solved", "unlearned")  # the rules that need a chance level
PLANTED = [
    ("constant", "cooccur", HEALTHY_OTHER, {"grad_norm": 0, "grad_share": 0, "grad_cosine": None, "share": 0.28}),
    ("leaky", "sex", HEALTHY_HEAD, LEAK),
    ("leaky", "lm", HEALTHY_LM, {"validation_value": 2.1, "validation_nll": 12.9}),
    ("solved", "sex", HEALTHY_HEAD, SOLVED),
    ("negligible", "age", HEALTHY_HEAD, {"grad_share": 0.001}),
    ("conflicting", "cooccur", HEALTHY_OTHER, {"grad_cosine": -0.9}),
    ("unlearned", "lm", HEALTHY_LM, {"validation_value": 6.6, "chance": 6.06, "validation_nll": 6.7}),
    ("healthy", "sex", HEALTHY_HEAD, {}),
    ("healthy", "lm", HEALTHY_LM, {}),
    ("healthy", "cooccur", HEALTHY_OTHER, {}),
]


@pytest.mark.parametrize(("verdict", "objective", "base", "planted"), PLANTED)
def test_each_planted_fault_has_its_verdict(
    verdict: str, objective: str, base: Mapping[str, float], planted: Mapping[str, float | None]
):
    assert judge(objective, trace(base, **planted)) == (verdict, ())


def test_every_verdict_is_planted():
    assert {verdict for verdict, *_ in PLANTED} == {*RULES, "healthy"}


@pytest.mark.parametrize(
    ("column", "base", "objective", "inside", "outside"),
    [
        ("grad_norm", HEALTHY_OTHER, "cooccur", 1e-7, 1e-5),
        ("value_prompts_shuffled", HEALTHY_HEAD, "sex", 0.58, 0.57),  # knows 0.23 nats: half is 0.115
        ("value_codes_shuffled", HEALTHY_HEAD, "sex", 0.57, 0.58),
        ("validation_nll", HEALTHY_LM, "lm", 5.2, 5.0),  # knows 1.8 nats
        ("validation_value", HEALTHY_OTHER | {"chance": 1.0}, "age", 0.05, 0.06),
        ("grad_share", HEALTHY_OTHER, "cooccur", 0.0049, 0.0051),
        ("grad_cosine", HEALTHY_OTHER, "cooccur", -0.11, -0.09),
    ],
)
def test_the_threshold_lies_between(column: str, base: dict, objective: str, inside: float, outside: float):
    assert judge(objective, trace(base, **{column: inside}))[0] != "healthy"
    assert judge(objective, trace(base, **{column: outside}))[0] == "healthy"


def test_one_epoch_with_a_gradient_is_not_constant():
    epochs = trace(HEALTHY_OTHER, grad_norm=0.0).epochs
    assert judge("cooccur", Trace((*epochs, {"grad_norm": 0.1, "grad_share": 0.1, "grad_cosine": 0.0})))[0] == "healthy"


def test_what_learned_nothing_leaks_nothing():
    """At chance, noise over nearly nothing would be any share."""
    assert judge("sex", trace(HEALTHY_HEAD, validation_value=0.689, value_prompts_shuffled=0.7))[0] == "unlearned"


def test_an_objective_without_an_accuracy_is_no_head():
    """Given the label only through the codes that the model expects, it has to follow the prompt."""
    assert judge("sex", trace(HEALTHY_HEAD, **LEAK | {"accuracy": None}))[0] == "solved"


@pytest.mark.parametrize(
    ("objective", "base", "missing", "said"),
    [
        ("sex", HEALTHY_HEAD, ["grad_norm"], ("constant (no grad_norm)",)),
        ("sex", HEALTHY_HEAD, ["validation_value"], tuple(f"{one} (no validation_value)" for one in OF_CHANCE)),
        ("sex", HEALTHY_HEAD, ["chance"], tuple(f"{one} (no chance)" for one in OF_CHANCE)),
        (
            "age",
            HEALTHY_HEAD,
            ["value_prompts_shuffled", "value_codes_shuffled"],
            ("leaky (no value_prompts_shuffled)",),
        ),
        ("lm", HEALTHY_LM, ["validation_nll"], ("leaky (no validation_nll)",)),
        ("cooccur", HEALTHY_OTHER, ["grad_share"], ("negligible (no grad_share)",)),
        ("cooccur", HEALTHY_OTHER, ["grad_cosine"], ("conflicting (no grad_cosine)",)),
    ],
)
def test_what_was_not_measured_is_never_healthy(objective: str, base: dict, missing: list[str], said: tuple[str, ...]):
    assert judge(objective, trace(base, **dict.fromkeys(missing))) == ("unclear", said)


def test_a_fault_that_is_found_says_what_was_not_checked_before_it():
    name, unchecked = judge("sex", trace(HEALTHY_HEAD, grad_share=0.001, chance=None))
    assert name == "negligible" and unchecked == ("leaky (no chance)", "solved (no chance)")


def test_evidence_is_printed():
    [(name, verdict)] = diagnose([{"cooccur": trace(HEALTHY_OTHER, grad_norm=0, grad_share=0, share=0.28)}]).items()
    assert f"{name}: {verdict}" == "cooccur: constant; 28 % of the loss value, 0 % of the gradient"
    [verdict] = diagnose([{"sex": trace(HEALTHY_HEAD, **LEAK)}]).values()
    assert str(verdict) == (
        "leaky; 0.002 nats, 0.69 at chance, 3.1 with another patient's prompt, 0.003 with another patient's codes, "
        "accuracy 99.9 %, 81 % from codes alone"
    )


def test_most_seeds_decide_and_the_others_are_counted():
    leaky, honest = {"sex": trace(HEALTHY_HEAD, **LEAK)}, {"sex": trace(HEALTHY_HEAD)}
    other = {"sex": trace(HEALTHY_HEAD, **LEAK | {"validation_value": 0.004})}
    verdict = diagnose([leaky, honest, other])["sex"]
    assert verdict.votes == {"leaky": 2, "healthy": 1}
    assert str(verdict).startswith("leaky in 2 of 3 seeds (healthy in 1); 0.003 nats"), "mean of its own seeds"
    assert diagnose([honest, leaky])["sex"].name == "leaky", "a tie goes to the fault"
    assert verdict.content()["seeds"] == {"leaky": 2, "healthy": 1}


def test_all_objectives_of_a_training():
    assert {name: one.name for name, one in diagnose([training()]).items()} == dict.fromkeys(training(), "healthy")
    assert diagnose([]) == {}
