import pytest
import torch
from torch import nn
from transformers import get_cosine_schedule_with_warmup

from ehrgen.learning.training.optimizer import adamw, learning_rate_factor
from tests.support.training import recipe, untrained


def test_only_matrices_decay():
    """Without gradients' help, 1 - 0.5 x 0.1 of a matrix is left; biases and norms stay."""
    model = untrained()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    settings = recipe(learning_rate=0.5, weight_decay=0.1, code_prior=None, category_prior=None).train
    adamw(model, settings, 1).step()
    for name, parameter in model.named_parameters():
        assert torch.allclose(parameter, before[name] * (0.95 if parameter.ndim > 1 else 1)), name


def test_every_parameter_is_stepped_once():
    model = untrained()
    groups = adamw(model, recipe().train, 1).param_groups
    stepped = [id(p) for group in groups for p in group["params"]]
    assert sorted(stepped) == sorted(id(p) for p in model.parameters())


def test_a_prior_pulls_a_table_to_0_and_gives_way_to_patients():
    """Adam's first step is as long as the learning rate: against the sum of loss and prior."""
    table = untrained().bart.shared.weight.detach()
    for gradient in (0.0, 1.0):
        model = untrained()
        model.bart.shared.weight.grad = -gradient * table.sign()  # the patients ask for larger numbers
        adamw(model, recipe(learning_rate=0.001, code_prior=0.5).train, 100).step()
        moved = (model.bart.shared.weight.detach() - table) * table.sign()
        assert moved[table.abs() > 1e-3].sign().unique().tolist() == [1.0 if gradient else -1.0]


@pytest.mark.parametrize("warmup", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("total", [1, 7, 100])
def test_the_learning_rate_rises_to_1_and_falls(total: int, warmup: float):
    factors = [learning_rate_factor(step, total, warmup) for step in range(total)]
    top = factors.index(max(factors))
    assert max(factors) == 1 and min(factors) > 0
    assert factors[: top + 1] == sorted(factors[: top + 1]) and factors[top:] == sorted(factors[top:], reverse=True)


def test_it_is_the_schedule_of_transformers_but_for_a_warmup_one_step_ahead():
    total, warm = 100, 10
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = get_cosine_schedule_with_warmup(optimizer, warm, total).lr_lambdas[0]
    ours = [learning_rate_factor(step, total, warm / total) for step in range(total)]
    assert theirs(0) == 0, "their first step would change nothing"
    assert ours[:warm] == [theirs(step + 1) for step in range(warm)]
    assert ours[warm:] == pytest.approx([theirs(step) for step in range(warm, total)], rel=1e-12)
