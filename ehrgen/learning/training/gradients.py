"""Who moves the parameters: each objective's own gradient, and the gradient a step descends along. No verdicts.

Axes: O objectives, P parameters laid out one after the other, the shared ones first.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ehrgen.learning.machine import processes
from ehrgen.learning.model.prompt_bart import PromptBart


class NoGradientError(ValueError):
    """A step that no objective can take; the message names those with a weight."""


@dataclass(frozen=True)
class Parameters:
    """Those on which objectives compete, and the others: heads, and what reads the states."""

    shared: Sequence[nn.Parameter]
    others: Sequence[nn.Parameter] = ()

    @classmethod
    def of(cls, model: PromptBart) -> Self:
        """All parameters of a model."""
        shared = model.shared_parameters()
        in_shared = {id(parameter) for parameter in shared}
        return cls(shared, [parameter for parameter in model.parameters() if id(parameter) not in in_shared])

    @cached_property
    def all(self) -> list[nn.Parameter]:
        return [*self.shared, *self.others]

    @cached_property
    def sizes(self) -> list[int]:
        """Numbers of each parameter."""
        return [parameter.numel() for parameter in self.all]

    @cached_property
    def shared_size(self) -> int:
        """Numbers of all shared parameters."""
        return sum(parameter.numel() for parameter in self.shared)


class ObjectiveGradients:
    """Each objective's own gradient, unweighted, added up over the parts of a step.

    Norms and cosines speak of the shared parameters alone; a scheme that descends along these gradients needs those
    of the others as well.

    Source:
        Measuring gradients rather than values: GradNorm, Chen et al. (2018). Their cosine: Yu et al. (2020).
    """

    def __init__(self, parameters: Parameters, names: Iterable[str]) -> None:
        self.parameters, self.names = parameters, tuple(names)
        self.matrix: Float[Tensor, "O P"] = parameters.all[0].new_zeros(
            len(self.names), sum(parameters.sizes), requires_grad=False
        )
        self.reached: dict[str, set[int]] = {name: set() for name in self.names}
        """Which parameters, by number, an objective has a path to."""

    def add(self, losses: Mapping[str, Float[Tensor, ""]], weight: float) -> None:
        """Add a part's gradients, `weight` being its share of the step. The graph is kept for the step itself."""
        for name, loss in losses.items():
            if loss.requires_grad:
                gradients = torch.autograd.grad(loss, self.parameters.all, retain_graph=True, allow_unused=True)
                row = self.matrix[self.names.index(name)].split(self.parameters.sizes)
                for number, gradient in enumerate(gradients):
                    if gradient is not None:
                        row[number].view_as(gradient).add_(gradient, alpha=weight)
                        self.reached[name].add(number)

    def sum_over_processes(self) -> None:
        """Add the gradients of the other processes, each of which has its own part of the step."""
        if processes.count() > 1:
            reached = self.matrix.new_zeros(len(self.names), len(self.parameters.all))
            for row, name in zip(reached, self.names, strict=True):
                row[list(self.reached[name])] = 1
            columns = [self.matrix.shape[1], reached.shape[1]]
            self.matrix, reached = processes.summed(torch.cat([self.matrix, reached], 1)).split(columns, 1)
            self.reached = {
                name: set(row.nonzero().flatten().tolist()) for name, row in zip(self.names, reached, strict=True)
            }

    @property
    def on_shared(self) -> Float[Tensor, "O shared"]:
        """The columns of the shared parameters."""
        return self.matrix[:, : self.parameters.shared_size]

    def norms(self) -> dict[str, float]:
        """L2 norm of each objective's gradient on the shared parameters, at least 0.

        An objective with no path to any shared parameter, or no term in this step, has norm 0: that is the finding,
        not an error.
        """
        return dict(zip(self.names, self.on_shared.norm(dim=1).tolist(), strict=True))

    def cosines(self, reference: str = "lm") -> dict[str, float]:
        """Cosine of each objective's gradient with the reference's on the shared parameters, -1 to 1.

        Below 0 a step for the one undoes some of the other's. Objectives without a gradient have no direction and
        are absent; all are, if the reference has none.
        """
        if reference not in self.names:
            return {}
        rows, norms = self.on_shared, self.norms()
        dots = dict(zip(self.names, (rows @ rows[self.names.index(reference)]).tolist(), strict=True))
        products = {name: norm * norms[reference] for name, norm in norms.items()}
        return {name: min(1.0, max(-1.0, dots[name] / size)) for name, size in products.items() if size > 0}


class StepGradient:
    """One step's objectives, of which a weighting scheme makes the gradient to descend along.

    A scheme may look at the objectives' own gradients, which takes a backward pass each, or ask for the weighted sum
    alone, which takes one in all.
    """

    def __init__(
        self,
        parameters: Parameters,
        losses: Mapping[str, Float[Tensor, ""]],
        weights: Mapping[str, float],
        share: float,
    ) -> None:
        """`losses` are of the objectives that have a term in this step, `weights` of all; `share` as `Batch.weight`."""
        self.parameters, self.losses, self.weights, self.share = parameters, dict(losses), dict(weights), share
        self.own: ObjectiveGradients | None = None
        """Those of the objectives, once they have been measured."""

    def measure(self) -> ObjectiveGradients:
        """Each objective's own gradient, of all processes together; measured once."""
        if self.own is None:
            self.own = ObjectiveGradients(self.parameters, self.weights)
            self.own.add(self.losses, self.share)
            self.own.sum_over_processes()
        return self.own

    @property
    def active(self) -> dict[str, Float[Tensor, ""]]:
        """The losses that have a weight now."""
        return {name: loss for name, loss in self.losses.items() if self.weights[name] > 0}

    def follow_weighted_sum(self) -> None:
        """Set the gradient of the weighted sum.

        It is added up from the objectives' own where these were measured, which spares another backward pass.

        Raises:
            NoGradientError: If no objective with a weight reaches a parameter.
        """
        if self.own is not None:
            total = torch.zeros_like(self.own.matrix[0])
            for row, weight in zip(self.own.matrix, self.weights.values(), strict=True):
                total.add_(row, alpha=weight)  # one by one: a row of zeros changes no bit
            self.follow(total)
            return
        if self.active:
            total = torch.stack([self.weights[name] * loss for name, loss in self.active.items()]).sum()
            self._require_path(total.requires_grad)
            (self.share * total).backward()
        processes.sum_gradients(self.parameters.all)

    def follow(self, total: Float[Tensor, " P"]) -> None:
        """Set `total` as the gradient of the parameters that an objective with a weight reaches; others get none.

        Raises:
            NoGradientError: If none is reached.
        """
        own = self.measure()
        reached: set[int] = set().union(*(own.reached[name] for name in self.active))
        self._require_path(bool(reached) or not self.active)
        parts = total.split(self.parameters.sizes)
        for number, (parameter, part) in enumerate(zip(self.parameters.all, parts, strict=True)):
            parameter.grad = part.view_as(parameter) if number in reached else None

    def _require_path(self, exists: bool) -> None:
        if not exists:
            raise NoGradientError(f"no objective with a weight reaches a parameter: {', '.join(self.active)}")
