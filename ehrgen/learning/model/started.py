"""A table of numbers that starts at what the training split says, and learns from there."""

import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor, nn

from ehrgen.learning.model.context import FOLDS


class Started(nn.Module):
    """Numbers by index: a start, which does not learn, plus a correction from 0, which does, unless there is none.

    The start is kept FOLDS + 1 times: estimated without each fold of the training patients, and from all of them. In
    training a patient reads that without its own fold. Read with one's own record in it, a statistic of a rare code
    looks surer than it is for anybody else, and the model would learn to trust it too much.

    Source:
        Out-of-fold inputs: Wolpert (1992), Stacked Generalization.
    """

    start: Float[Tensor, "folds numbers"]

    def __init__(self, numbers: int, learns: bool = True) -> None:
        super().__init__()
        self.register_buffer("start", torch.zeros(FOLDS + 1, numbers))
        self.learned = nn.Parameter(torch.zeros(numbers)) if learns else None

    @torch.no_grad()
    def begin(self, fold: int, numbers: Float[ndarray, " numbers"]) -> None:
        """Set the start without that fold; without none, for FOLDS."""
        self.start[fold] = torch.from_numpy(numbers).to(self.start)

    def forward(self, index: Int[Tensor, "..."], fold: Int[Tensor, "..."] | None) -> Float[Tensor, "..."]:
        """The numbers at these indices; `fold` as in `Context`."""
        size = self.start.shape[1]
        start = self.start.view(-1)[index + size * (FOLDS if fold is None else fold)]
        return start if self.learned is None else start + self.learned[index]
