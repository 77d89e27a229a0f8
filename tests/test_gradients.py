import pytest
import torch
from torch import nn

from ehrgen.learning.gradients import norms


def test_by_hand():
    x, y, z = (nn.Parameter(torch.tensor(value)) for value in ([3.0, 4.0], [1.0], [2.0]))
    losses = {
        "quadratic": 0.5 * (x**2).sum(),  # gradient x, norm 5
        "both": 3 * x.sum() + 4 * y.sum(),  # gradient (3, 3, 4), norm sqrt 34
        "elsewhere": (z**3).sum(),
        "constant": torch.tensor(7.0),
    }
    assert norms(losses, [x, y]) == pytest.approx({"quadratic": 5, "both": 34**0.5, "elsewhere": 0, "constant": 0})


def test_a_step_can_follow():
    x = nn.Parameter(torch.tensor([3.0, 4.0]))
    losses = {"one": (x**2).sum(), "two": (2 * x**2).sum()}
    norms(losses, iter([x]))
    assert x.grad is None
    (losses["one"] + losses["two"]).backward()
    assert x.grad.tolist() == [18, 24]


def test_parameters_may_be_given_once_only():
    x = nn.Parameter(torch.tensor([3.0, 4.0]))
    assert norms({"one": x.sum(), "two": 2 * x.sum()}, iter([x])) == pytest.approx({"one": 2**0.5, "two": 8**0.5})
