import pytest
import torch
from torch import nn

from ehrgen.learning.training.gradients import Sums


def test_by_hand():
    x, y, z = (nn.Parameter(torch.tensor(value)) for value in ([3.0, 4.0], [1.0], [2.0]))
    losses = {
        "quadratic": 0.5 * (x**2).sum(),  # gradient x, norm 5
        "both": 3 * x.sum() + 4 * y.sum(),  # gradient (3, 3, 4), norm sqrt 34
        "elsewhere": (z**3).sum(),
        "constant": torch.tensor(7.0),
    }
    sums = Sums([x, y], losses)
    sums.add(losses, 1.0)
    assert sums.norms() == pytest.approx({"quadratic": 5, "both": 34**0.5, "elsewhere": 0, "constant": 0})


def test_the_norm_of_a_step_is_that_of_its_weighted_sum():
    """Parts that pull in opposite directions cancel: 0.75 x (4, 0) + 0.25 x (-4, 8) = (2, 2)."""
    x = nn.Parameter(torch.zeros(2))
    sums = Sums([x], ["lm", "constant"])
    sums.add({"lm": 4 * x[0], "constant": torch.tensor(1.0)}, 0.75)
    sums.add({"lm": -4 * x[0] + 8 * x[1], "constant": torch.tensor(1.0)}, 0.25)
    assert sums.norms() == pytest.approx({"lm": 8**0.5, "constant": 0})


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
    sums = Sums([x], losses, [head])
    sums.add(losses, 1.0)
    assert sums.cosines() == pytest.approx({"lm": 1, "along": 1, "across": 0, "against": -0.6}, abs=1e-6)


def test_cosines_agree_with_torch():
    generator = torch.Generator().manual_seed(0)
    x, y = (nn.Parameter(torch.randn(5, 3, generator=generator)) for _ in range(2))
    losses = {"lm": (x * y).pow(2).sum(), "sex": (x.sin() + y).sum(), "age": (x**3).sum()}
    sums = Sums([x, y], losses)
    sums.add(losses, 0.5)
    flat = {}
    for name, loss in losses.items():
        own = torch.autograd.grad(loss, [x, y], allow_unused=True, retain_graph=True, materialize_grads=True)
        flat[name] = torch.cat([g.flatten() for g in own])
    expected = {name: torch.cosine_similarity(g, flat["lm"], dim=0).item() for name, g in flat.items()}
    assert sums.cosines() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("losses", [{"sex": 1.0}, {"lm": 0.0, "sex": 1.0}])
def test_without_a_direction_of_lm_there_is_no_cosine(losses: dict):
    x = nn.Parameter(torch.ones(2))
    sums = Sums([x], losses)
    sums.add({name: slope * x.sum() for name, slope in losses.items()}, 1.0)
    assert sums.cosines() == {}


def test_assigned_gradients_reach_what_moves_and_nothing_else():
    x, head, other = (nn.Parameter(torch.ones(1)) for _ in range(3))
    losses = {"lm": 2 * x.sum(), "sex": 3 * x.sum() + 5 * head.sum(), "off": 7 * other.sum()}
    sums = Sums([x], losses, [head, other])
    sums.add(losses, 1.0)
    sums.assign(torch.tensor([1.0, 0.1, 0.0]) @ sums.matrix, ["lm", "sex"])
    assert (x.grad.tolist(), head.grad.tolist(), other.grad) == ([pytest.approx(2.3)], [0.5], None)


def test_the_step_can_follow_and_is_not_changed():
    x = nn.Parameter(torch.tensor([3.0, 4.0]))
    losses = {"one": (x**2).sum(), "two": (2 * x**2).sum()}
    Sums([x], losses).add(losses, 1.0)
    assert x.grad is None
    (losses["one"] + losses["two"]).backward()
    assert x.grad.tolist() == [18, 24]


def test_an_objective_without_a_term_in_any_part_has_norm_0():
    x = nn.Parameter(torch.ones(2))
    sums = Sums([x], ["lm", "cooccur"])
    sums.add({"lm": x.sum()}, 1.0)
    assert sums.norms() == pytest.approx({"lm": 2**0.5, "cooccur": 0})
