"""Who moves the shared parameters: facts about each objective's gradient, no verdicts."""

import math
from collections.abc import Iterable, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Sums:
    """Each objective's own gradient on the shared parameters, unweighted, added up over the parts of a step.

    Source:
        Measuring gradients rather than values: GradNorm, Chen et al. (2018).
    """

    def __init__(self, parameters: Sequence[nn.Parameter], names: Iterable[str]) -> None:
        self.parameters = list(parameters)
        self.gradients = {name: [torch.zeros_like(p) for p in self.parameters] for name in names}

    def add(self, losses: Mapping[str, Float[Tensor, ""]], weight: float) -> None:
        """Add a part's gradients, `weight` being its share of the step. The graph is kept for the step itself."""
        for name, loss in losses.items():
            if loss.requires_grad:
                own = torch.autograd.grad(loss, self.parameters, retain_graph=True, allow_unused=True)
                for total, gradient in zip(self.gradients[name], own, strict=True):
                    if gradient is not None:
                        total.add_(gradient, alpha=weight)

    def norms(self) -> dict[str, float]:
        """L2 norm of each objective's gradient, at least 0.

        An objective with no path to any shared parameter, or no term in this step, has norm 0: that is the finding,
        not an error.
        """
        return {name: math.sqrt(sum(float(g.square().sum()) for g in sums)) for name, sums in self.gradients.items()}
