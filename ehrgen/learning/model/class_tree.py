"""The tree of symbols and what may not come next: the arithmetic under every output distribution.

Axes: N positions, K classes, S symbols, J pairs of (position, symbol already used), R symbols of one class for each
position, position by position, C categories: the classes after the marks.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor, nn

from ehrgen.data.sequences.vocabulary import MARK_CLASSES, Vocabulary
from ehrgen.learning.machine import processes

FORBIDDEN = -1e9
"""Log-probability of what may not come next; finite, so that no gradient is NaN."""


@dataclass(frozen=True)
class Forbidden:
    """What may not come next: used symbols in coordinate form, and positions whose visit is still empty."""

    at: Int[Tensor, " J"]
    symbol: Int[Tensor, " J"]
    opens_visit: Bool[Tensor, " N"]


class Hierarchy(nn.Module):
    """The tree of a vocabulary as buffers, and the arithmetic every distribution over it needs."""

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
        left[:, :MARK_CLASSES].masked_fill_(forbidden.opens_visit[:, None], 0)
        return left

    def class_log_prob(self, logits: Float[Tensor, "N K"], forbidden: Forbidden) -> Float[Tensor, "N K"]:
        """Log-softmax over the classes that have a symbol left."""
        return masked_log_softmax(logits, self.left(forbidden) <= 0)

    def within_class_log_softmax(self, logits: Float[Tensor, "N S"]) -> Float[Tensor, "N S"]:
        """Log-softmax within each class: segments of the symbol axis."""
        shape = (len(logits), self.classes)
        index = self.symbol_class.expand_as(logits)
        top = torch.full(shape, FORBIDDEN, device=logits.device).scatter_reduce(1, index, logits.detach(), "amax")
        shifted = logits - top[:, self.symbol_class]
        total = torch.zeros(shape, device=logits.device).index_add(1, self.symbol_class, shifted.exp())
        return (shifted - total.log()[:, self.symbol_class]).clamp(min=FORBIDDEN)

    def siblings(self, chosen: Int[Tensor, " N"], forbidden: Forbidden) -> "Siblings":
        """The symbols of one class a position."""
        size = self.class_size[chosen]
        first = size.cumsum(0) - size
        row = torch.repeat_interleave(size)
        symbol = self.class_start[chosen][row] + torch.arange(len(row), device=row.device) - first[row]
        same = self.symbol_class[forbidden.symbol] == chosen[forbidden.at]
        at, used = forbidden.at[same], forbidden.symbol[same]
        barred = torch.zeros_like(row, dtype=torch.bool)
        barred[first[at] + used - self.class_start[chosen[at]]] = True
        return Siblings(row, symbol, first, barred)


@dataclass(frozen=True)
class Siblings:
    """The symbols of one class for each of N positions, one position after the other."""

    row: Int[Tensor, " R"]
    symbol: Int[Tensor, " R"]
    first: Int[Tensor, " N"]
    barred: Bool[Tensor, " R"]

    def draw(self, logits: Float[Tensor, " R"], generator: torch.Generator) -> Int[Tensor, " N"]:
        """One symbol a position, in proportion to exp(logits) within the position.

        Exponential race: the argmax of p / e with e ~ Exp(1) is a draw from p, however ragged the classes.
        """
        score = logits - _log_exponential(logits, generator)
        best = score.new_full((len(self.first),), -torch.inf).scatter_reduce(0, self.row, score, "amax")
        winner = (score == best[self.row]).nonzero().squeeze(1)
        return self.symbol[winner[torch.searchsorted(self.row[winner], torch.arange(len(best), device=best.device))]]


def choose(log_prob: Float[Tensor, "N S"], generator: torch.Generator) -> Int[Tensor, " N"]:
    """One index a row, drawn in proportion to exp(log_prob): first a block of about sqrt(S) indices, then one of it.

    Two random numbers a row; a race as among siblings takes one for every entry.
    """
    width = math.isqrt(log_prob.shape[1] - 1) + 1
    blocks = nn.functional.pad(log_prob, (0, -log_prob.shape[1] % width), value=FORBIDDEN).exp()
    blocks = blocks.view(len(log_prob), blocks.shape[1] // width, width)
    chance = log_prob.new_empty(len(log_prob), 2, dtype=torch.float64)
    first, second = _alike(chance, lambda every: every.uniform_(generator=generator)).unbind(1)
    block = _inverted(blocks.sum(-1), first)
    return block * width + _inverted(blocks[torch.arange(len(block), device=block.device), block], second)


def _inverted(weights: Float[Tensor, "N S"], chance: Float64[Tensor, " N"]) -> Int[Tensor, " N"]:
    """Where the running sum of weights passes this share of it; what weighs nothing beside the rest is never found.

    In whole numbers, whose sums are exact and the same on every device: 2^-40 of the largest weight is 1.
    """
    share = weights.double() / weights.amax(-1, keepdim=True)
    passed = (share * 2**40).long().cumsum(-1)
    total = passed[:, -1:]
    return torch.searchsorted(passed, ((chance[:, None] * total).long()).minimum(total - 1), right=True).squeeze(1)


def _log_exponential(like: Tensor, generator: torch.Generator) -> Tensor:
    """Logs of draws from Exp(1)."""
    return _alike(like, lambda every: every.exponential_(generator=generator)).log_()


def _alike(like: Tensor, fill: Callable[[Tensor], Tensor]) -> Tensor:
    """Random numbers shaped as `like`; several processes draw those for the rows of all, and each keeps its own."""
    rows = processes.of_each(len(like), like.device)
    every = fill(torch.empty(sum(rows), *like.shape[1:], dtype=like.dtype, device=like.device))
    before = sum(rows[: processes.number()])
    return every[before : before + len(like)]


def masked_log_softmax(logits: Float[Tensor, "N K"], barred: Bool[Tensor, "N K"]) -> Float[Tensor, "N K"]:
    """Log-softmax over what is not barred; barred entries are about FORBIDDEN, so that exp gives 0."""
    return torch.log_softmax(logits.masked_fill(barred, FORBIDDEN), dim=-1)
