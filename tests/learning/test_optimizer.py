import pytest
import torch
from torch import nn

from ehrgen.learning.training.optimizer import adamw, pace
from tests.support.training import recipe, untrained


def test_only_matrices_decay():
    """Without gradients' help, 1 - 0.5 x 0.1 of a matrix is left; biases and norms stay."""
    model = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2))
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    adamw(model, recipe(learning_rate=0.5, weight_decay=0.1).train).step()
    for name, parameter in model.named_parameters():
        assert torch.allclose(parameter, before[name] * (0.95 if parameter.ndim > 1 else 1)), name


def test_every_parameter_is_stepped_once():
    model = untrained()
    groups = adamw(model, recipe().train).param_groups
    stepped = [id(p) for group in groups for p in group["params"]]
    assert sorted(stepped) == sorted(id(p) for p in model.parameters())


@pytest.mark.parametrize("warmup", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("total", [1, 7, 100])
def test_the_pace_rises_to_1_and_falls(total: int, warmup: float):
    paces = [pace(step, total, warmup) for step in range(total)]
    top = paces.index(max(paces))
    assert max(paces) == 1 and min(paces) > 0
    assert paces[: top + 1] == sorted(paces[: top + 1]) and paces[top:] == sorted(paces[top:], reverse=True)
