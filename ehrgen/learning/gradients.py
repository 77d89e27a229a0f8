"""Who moves the shared parameters: facts about each objective's gradient, no verdicts."""

import math
from collections.abc import Iterable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn


def norms(losses: Mapping[str, Float[Tensor, ""]], parameters: Iterable[nn.Parameter]) -> dict[str, float]:
    """L2 norm of each objective's own gradient over `parameters`, unweighted, at least 0.

    An objective with no path to any of them has norm 0: that is the finding, not an error.
    The graph is kept, so that the step itself can follow.

    Source:
        GradNorm, Chen et al. (2018), for measuring gradients rather than values.
    """
    wanted = list(parameters)
    return {name: _norm(loss, wanted) for name, loss in losses.items()}


def _norm(loss: Float[Tensor, ""], parameters: list[nn.Parameter]) -> float:
    if not loss.requires_grad:
        return 0.0
    gradients = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
    return math.sqrt(sum(float(g.float().square().sum()) for g in gradients if g is not None))
