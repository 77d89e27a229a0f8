"""Who moves the parameters: facts about each objective's own gradient, no verdicts.

Axes: O objectives, P parameters laid out one after the other, the shared ones first.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ehrgen.learning.machine import processes
from ehrgen.learning.model.prompt_bart import PromptBart


class Sums:
    """Each objective's own gradient, unweighted, added up over the parts of a step.

    Norms and cosines speak of the `shared` parameters, on which objectives compete; a scheme that descends along
    these gradients needs those of the `others` (heads, distribution) as well.

    Source:
        Measuring gradients rather than values: GradNorm, Chen et al. (2018). Their cosine: Yu et al. (2020).
    """

    def __init__(
        self, shared: Sequence[nn.Parameter], names: Iterable[str], others: Sequence[nn.Parameter] = ()
    ) -> None:
        self.parameters, self.names = [*shared, *others], tuple(names)
        self.sizes = [p.numel() for p in self.parameters]
        self.shared = sum(p.numel() for p in shared)
        self.matrix: Float[Tensor, "O P"] = self.parameters[0].new_zeros(
            len(self.names), sum(self.sizes), requires_grad=False
        )
        self.reached: dict[str, set[int]] = {name: set() for name in self.names}

    @classmethod
    def of(cls, model: PromptBart, names: Iterable[str]) -> Self:
        """Over all parameters of a model."""
        shared = model.shared_parameters()
        known = {id(p) for p in shared}
        return cls(shared, names, [p for p in model.parameters() if id(p) not in known])

    def add(self, losses: Mapping[str, Float[Tensor, ""]], weight: float) -> None:
        """Add a part's gradients, `weight` being its share of the step. The graph is kept for the step itself."""
        for name, loss in losses.items():
            if loss.requires_grad:
                own = torch.autograd.grad(loss, self.parameters, retain_graph=True, allow_unused=True)
                places = self.matrix[self.names.index(name)].split(self.sizes)
                for index, gradient in enumerate(own):
                    if gradient is not None:
                        places[index].view_as(gradient).add_(gradient, alpha=weight)
                        self.reached[name].add(index)

    def sum_over_processes(self) -> None:
        """Add the gradients of the other processes, each of which has its own part of the step."""
        if processes.count() > 1:
            own = self.matrix.new_zeros(len(self.names), len(self.parameters))
            for row, name in zip(own, self.names, strict=True):
                row[list(self.reached[name])] = 1
            self.matrix, reached = processes.summed(torch.cat([self.matrix, own], 1)).split(
                [sum(self.sizes), own.shape[1]], 1
            )
            self.reached = {
                name: set(row.nonzero().flatten().tolist()) for name, row in zip(self.names, reached, strict=True)
            }

    def norms(self) -> dict[str, float]:
        """L2 norm of each objective's gradient on the shared parameters, at least 0.

        An objective with no path to any shared parameter, or no term in this step, has norm 0: that is the finding,
        not an error.
        """
        return dict(zip(self.names, self.matrix[:, : self.shared].norm(dim=1).tolist(), strict=True))

    def cosines(self, reference: str = "lm") -> dict[str, float]:
        """Cosine of each objective's gradient with the reference's on the shared parameters, -1 to 1.

        Below 0 a step for the one undoes some of the other's. Objectives without a gradient have no direction and
        are absent; all are, if the reference has none.
        """
        if reference not in self.names:
            return {}
        rows, norms = self.matrix[:, : self.shared], self.norms()
        dots = dict(zip(self.names, (rows @ rows[self.names.index(reference)]).tolist(), strict=True))
        products = {name: norm * norms[reference] for name, norm in norms.items()}
        return {name: min(1.0, max(-1.0, dots[name] / size)) for name, size in products.items() if size > 0}

    def assign(self, total: Float[Tensor, " P"], moving: Iterable[str]) -> None:
        """Make `total` the gradient of the parameters that an objective of `moving` reaches; the others get none."""
        reached = set().union(*(self.reached[name] for name in moving))
        for index, (parameter, part) in enumerate(zip(self.parameters, total.split(self.sizes), strict=True)):
            parameter.grad = part.view_as(parameter) if index in reached else None
