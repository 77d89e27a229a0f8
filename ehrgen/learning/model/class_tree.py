"""The tree of symbols and what may not come next: the arithmetic under every output distribution.

Axes: N positions, K classes, S symbols, J pairs of (position, symbol already used), R symbols of one class for each
position, position by position.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from ehrgen.data.sequences.vocabulary import SPECIAL_CLASSES, Vocabulary
from ehrgen.learning.model.draws import log_exponential

FORBIDDEN = -1e9
"""Log-probability of what may not come next; finite, so that no gradient is NaN."""


@dataclass(frozen=True)
class Forbidden:
    """What may not come next: used symbols in coordinate form, and positions whose visit is still empty."""

    at: Int[Tensor, " J"]
    symbol: Int[Tensor, " J"]
    opens_visit: Bool[Tensor, " N"]


class ClassTree(nn.Module):
    """The tree of a vocabulary as buffers, and the arithmetic every distribution over it needs."""

    symbol_class: Int[Tensor, " S"]
    class_start: Int[Tensor, " K"]
    class_size: Int[Tensor, " K"]

    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__()
        for name in ("symbol_class", "class_start", "class_size"):
            values = torch.from_numpy(getattr(vocabulary, name)).long()
            self.register_buffer(name, values, persistent=False)
        self.classes = len(vocabulary.class_size)
        self.symbols = len(vocabulary.symbol_class)

    def left(self, forbidden: Forbidden) -> Int[Tensor, "N K"]:
        """How many symbols of each class may still come."""
        positions = len(forbidden.opens_visit)
        left = self.class_size.repeat(positions, 1)
        used_class = self.symbol_class[forbidden.symbol]
        left.index_put_((forbidden.at, used_class), left.new_tensor(-1), accumulate=True)
        left[:, :SPECIAL_CLASSES].masked_fill_(forbidden.opens_visit[:, None], 0)
        return left

    def class_log_prob(self, logits: Float[Tensor, "N K"], forbidden: Forbidden) -> Float[Tensor, "N K"]:
        """Log-softmax over the classes that have a symbol left."""
        return masked_log_softmax(logits, self.used_up(forbidden))

    def used_up(self, forbidden: Forbidden) -> Bool[Tensor, "N K"]:
        """Which classes have no symbol left, without counting in those that nobody has used."""
        shape = (len(forbidden.opens_visit), self.classes)
        used, times = (forbidden.at * self.classes + self.symbol_class[forbidden.symbol]).unique(return_counts=True)
        full = used[times >= self.class_size[used % self.classes]]
        barred = torch.zeros(shape, dtype=torch.bool, device=full.device)
        barred.view(-1)[full] = True
        barred[:, :SPECIAL_CLASSES] |= forbidden.opens_visit[:, None]
        return barred

    def within_class_log_softmax(self, logits: Float[Tensor, "N S"]) -> Float[Tensor, "N S"]:
        """Log-softmax within each class: segments of the symbol axis."""
        shape = (len(logits), self.classes)
        index = self.symbol_class.expand_as(logits)
        top = torch.full(shape, FORBIDDEN, device=logits.device).scatter_reduce(1, index, logits.detach(), "amax")
        shifted = logits - top[:, self.symbol_class]
        total = torch.zeros(shape, device=logits.device).index_add(1, self.symbol_class, shifted.exp())
        return (shifted - total.log()[:, self.symbol_class]).clamp(min=FORBIDDEN)

    def siblings(self, chosen: Int[Tensor, " N"], forbidden: Forbidden) -> "Siblings":
        """The symbols of the class `chosen` at each position."""
        size = self.class_size[chosen]
        start = size.cumsum(0) - size
        position = torch.repeat_interleave(size)
        place = torch.arange(len(position), device=position.device) - start[position]
        symbol = self.class_start[chosen][position] + place
        in_class = self.symbol_class[forbidden.symbol] == chosen[forbidden.at]
        at, used = forbidden.at[in_class], forbidden.symbol[in_class]
        barred = torch.zeros_like(position, dtype=torch.bool)
        barred[start[at] + used - self.class_start[chosen[at]]] = True
        return Siblings(position, symbol, start, barred)


@dataclass(frozen=True)
class Siblings:
    """The symbols of one class for each of N positions, one position after the other.

    At three positions, of classes with 3, 1 and 2 symbols:

        position  0 0 0  1  2 2
        symbol    3 4 5  2  6 7
        start     0      3  4
    """

    position: Int[Tensor, " R"]
    symbol: Int[Tensor, " R"]
    start: Int[Tensor, " N"]
    """Where the symbols of each position begin."""
    barred: Bool[Tensor, " R"]

    def log_sum(self, logits: Float[Tensor, " R"]) -> tuple[Float[Tensor, " N"], Float[Tensor, " N"]]:
        """Of each position the largest logit, and the log of the sum of exp(logits) with that taken off."""
        top = logits.new_full((len(self.start),), FORBIDDEN)
        top = top.scatter_reduce(0, self.position, logits.detach(), "amax")
        total = torch.zeros_like(top).index_add(0, self.position, (logits - top[self.position]).exp())
        return top, total.log()

    def draw(self, logits: Float[Tensor, " R"], generator: torch.Generator) -> Int[Tensor, " N"]:
        """One symbol a position, in proportion to exp(logits) within the position.

        Exponential race: the argmax of p / e with e ~ Exp(1) is a draw from p, however ragged the classes.
        """
        score = logits - log_exponential(logits, generator)
        best = score.new_full((len(self.start),), -torch.inf).scatter_reduce(0, self.position, score, "amax")
        winners = (score == best[self.position]).nonzero().squeeze(1)
        positions = torch.arange(len(best), device=best.device)
        first_winner = winners[torch.searchsorted(self.position[winners], positions)]  # of two equal scores the first
        return self.symbol[first_winner]


def masked_log_softmax(logits: Float[Tensor, "N K"], barred: Bool[Tensor, "N K"]) -> Float[Tensor, "N K"]:
    """Log-softmax over what is not barred; barred entries are about FORBIDDEN, so that exp gives 0."""
    return torch.log_softmax(logits.masked_fill(barred, FORBIDDEN), dim=-1)
