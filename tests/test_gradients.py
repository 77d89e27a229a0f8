import pytest
import torch
from torch import nn

from ehrgen.learning.gradients import Sums


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
