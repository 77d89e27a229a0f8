"""The tree of symbols and what may not come next: the arithmetic under every output distribution.

Axes: N positions, K classes, S symbols, J pairs of (position, symbol already used), R symbols of one class for each
position, position by position, C categories: the classes after the marks.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from ehrgen.data.vocabulary import MARK_CLASSES, Vocabulary
from ehrgen.learning import processes

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
        """One symbol a position, in proportion to exp(logits) within the position."""
        score = logits - _log_exponential(logits, generator)
        best = score.new_full((len(self.first),), -torch.inf).scatter_reduce(0, self.row, score, "amax")
        winner = (score == best[self.row]).nonzero().squeeze(1)
        return self.symbol[winner[torch.searchsorted(self.row[winner], torch.arange(len(best), device=best.device))]]


def categories(class_log_prob: Float[Tensor, "N K"]) -> Float[Tensor, "N C"]:
    """P(category | a code comes next); each row sums to 1.

    Without the condition an objective on codes could be lowered by ending visits instead of by choosing codes.

    Example:
        >>> log_prob = torch.tensor([[0.3, 0.2, 0.1, 0.4]]).log()
        >>> [round(share, 3) for share in categories(log_prob)[0].tolist()]
        [0.2, 0.8]
    """
    return torch.softmax(class_log_prob[:, MARK_CLASSES:], dim=-1)


def race(log_prob: Float[Tensor, "N S"], generator: torch.Generator) -> Int[Tensor, " N"]:
    """One index a row, drawn in proportion to exp(log_prob).

    Exponential race: argmax of p / e with e ~ Exp(1) is a draw from p; one pass, no cumulative sum to round off.
    """
    return (log_prob - _log_exponential(log_prob, generator)).argmax(dim=-1)


def _log_exponential(like: Tensor, generator: torch.Generator) -> Tensor:
    """Logs of draws from Exp(1); several processes draw alike for the rows of all, and each keeps those of its own."""
    rows = processes.of_each(len(like), like.device)
    drawn = torch.empty(sum(rows), *like.shape[1:], dtype=like.dtype, device=like.device)
    before = sum(rows[: processes.number()])
    return drawn.exponential_(generator=generator)[before : before + len(like)].log_()


def masked_log_softmax(logits: Float[Tensor, "N K"], barred: Bool[Tensor, "N K"]) -> Float[Tensor, "N K"]:
    """Log-softmax over what is not barred; barred entries are about FORBIDDEN, so that exp gives 0."""
    return torch.log_softmax(logits.masked_fill(barred, FORBIDDEN), dim=-1)
