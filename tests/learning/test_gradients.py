import pytest
import torch
from torch import nn

from ehrgen.learning.training.gradients import NoGradientError, ObjectiveGradients, Parameters, StepGradient


def test_by_hand():
    x, y, z = (nn.Parameter(torch.tensor(value)) for value in ([3.0, 4.0], [1.0], [2.0]))
    losses = {
        "quadratic": 0.5 * (x**2).sum(),  # gradient x, norm 5
        "both": 3 * x.sum() + 4 * y.sum(),  # gradient (3, 3, 4), norm sqrt 34
        "elsewhere": (z**3).sum(),
        "constant": torch.tensor(7.0),
    }
    own = ObjectiveGradients(Parameters([x, y]), losses)
    own.add(losses, 1.0)
    assert own.norms() == pytest.approx({"quadratic": 5, "both": 34**0.5, "elsewhere": 0, "constant": 0})


def test_the_norm_of_a_step_is_that_of_its_weighted_sum():
    """Parts that pull in opposite directions cancel: 0.75 x (4, 0) + 0.25 x (-4, 8) = (2, 2)."""
    x = nn.Parameter(torch.zeros(2))
    own = ObjectiveGradients(Parameters([x]), ["lm", "constant"])
    own.add({"lm": 4 * x[0], "constant": torch.tensor(1.0)}, 0.75)
    own.add({"lm": -4 * x[0] + 8 * x[1], "constant": torch.tensor(1.0)}, 0.25)
    assert own.norms() == pytest.approx({"lm": 8**0.5, "constant": 0})


def test_cosines_by_hand():
    """lm pulls along (3, 4), `along` twice as far; `across` has no say in that, `against` undoes it."""
    x, head = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.ones(1))
    losses = {
        "lm": 3 * x[0] + 4 * x[1],
        "along": 6 * x[0] + 8 * x[1] + head[0],  # what it does to its own head is nobody else's matter
        "across": 4 * x[0] - 3 * x[1],
        "against": -x[0],
        "constant": torch.tensor(7.0),
        "elsewhere": head.sum(),
    }
    own = ObjectiveGradients(Parameters([x], [head]), losses)
    own.add(losses, 1.0)
    assert own.cosines() == pytest.approx({"lm": 1, "along": 1, "across": 0, "against": -0.6}, abs=1e-6)


def test_cosines_agree_with_torch():
    generator = torch.Generator().manual_seed(0)
    x, y = (nn.Parameter(torch.randn(5, 3, generator=generator)) for _ in range(2))
    losses = {"lm": (x * y).pow(2).sum(), "sex": (x.sin() + y).sum(), "age": (x**3).sum()}
    own = ObjectiveGradients(Parameters([x, y]), losses)
    own.add(losses, 0.5)
    flat = {}
    for name, loss in losses.items():
        parts = torch.autograd.grad(loss, [x, y], allow_unused=True, retain_graph=True, materialize_grads=True)
        flat[name] = torch.cat([g.flatten() for g in parts])
    expected = {name: torch.cosine_similarity(g, flat["lm"], dim=0).item() for name, g in flat.items()}
    assert own.cosines() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("losses", [{"sex": 1.0}, {"lm": 0.0, "sex": 1.0}])
def test_without_a_direction_of_lm_there_is_no_cosine(losses: dict):
    x = nn.Parameter(torch.ones(2))
    own = ObjectiveGradients(Parameters([x]), losses)
    own.add({name: slope * x.sum() for name, slope in losses.items()}, 1.0)
    assert own.cosines() == {}


def test_a_gradient_reaches_what_moves_and_nothing_else():
    x, head, other = (nn.Parameter(torch.ones(1)) for _ in range(3))
    losses = {"lm": 2 * x.sum(), "sex": 3 * x.sum() + 5 * head.sum(), "off": 7 * other.sum()}
    step = StepGradient(Parameters([x], [head, other]), losses, {"lm": 1.0, "sex": 0.1, "off": 0.0}, 1.0)
    step.measure()
    step.follow_weighted_sum()
    assert (x.grad.tolist(), head.grad.tolist(), other.grad) == ([pytest.approx(2.3)], [0.5], None)


def test_the_weighted_sum_is_the_same_whether_or_not_the_parts_were_measured():
    def gradient(measured: bool) -> list:
        x, head, other = (nn.Parameter(torch.full((2,), 3.0)) for _ in range(3))
        losses = {"lm": (x**2).sum(), "sex": (x * head).sum(), "off": other.sum()}
        weights = {"lm": 1.0, "sex": 0.1, "off": 0.0, "cooccur": 1.0}  # cooccur has nothing to score
        step = StepGradient(Parameters([x], [head, other]), losses, weights, 0.5)
        if measured:
            step.measure()
        step.follow_weighted_sum()
        assert other.grad is None and (step.own is not None) == measured
        return [x.grad.tolist(), head.grad.tolist()]

    assert gradient(True) == gradient(False) == [[pytest.approx(3.15)] * 2, [pytest.approx(0.15)] * 2]


@pytest.mark.parametrize("measured", [True, False])
def test_what_reaches_no_parameter_is_refused_by_name(measured: bool):
    x = nn.Parameter(torch.ones(1))
    step = StepGradient(Parameters([x]), {"lm": x.sum(), "sex": torch.tensor(0.7)}, {"lm": 0.0, "sex": 1.0}, 1.0)
    if measured:
        step.measure()
    with pytest.raises(NoGradientError, match="no objective with a weight reaches a parameter: sex"):
        step.follow_weighted_sum()


def test_the_step_can_follow_and_is_not_changed():
    x = nn.Parameter(torch.tensor([3.0, 4.0]))
    losses = {"one": (x**2).sum(), "two": (2 * x**2).sum()}
    ObjectiveGradients(Parameters([x]), losses).add(losses, 1.0)
    assert x.grad is None
    (losses["one"] + losses["two"]).backward()
    assert x.grad.tolist() == [18, 24]


def test_an_objective_without_a_term_in_any_part_has_norm_0():
    x = nn.Parameter(torch.ones(2))
    own = ObjectiveGradients(Parameters([x]), ["lm", "cooccur"])
    own.add({"lm": x.sum()}, 1.0)
    assert own.norms() == pytest.approx({"lm": 2**0.5, "cooccur": 0})
