"""The output distribution: log P(symbol) = log P(class | state) + log P(symbol | class, state).

A class is a mark or an ICD-9 category (see `data.vocabulary`). What the sampler forbids, the loss forbids too: codes
the visit already holds, categories with no code left, and ending a visit that is still empty get no probability, and
what is left sums to 1 exactly.

Axes: N positions, D state, K classes, S symbols, J pairs of (position, symbol already used), R symbols of the
targets' classes, position by position.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from ehrgen.data.vocabulary import MARK_CLASSES, Vocabulary

FORBIDDEN = -1e9


@dataclass(frozen=True)
class Forbidden:
    """What may not come next: used symbols in coordinate form, and positions whose visit is still empty."""

    at: Int[Tensor, "J"]
    symbol: Int[Tensor, "J"]
    opens_visit: Bool[Tensor, "N"]


class Distribution(Protocol):
    """What objectives and the sampler ask of an output distribution; every answer is in nats."""

    def target(
        self, states: Float[Tensor, "N D"], target: Int[Tensor, "N"], forbidden: Forbidden
    ) -> tuple[Float[Tensor, "N"], Float[Tensor, "N K"]]: ...

    def symbols(self, states: Float[Tensor, "N D"], forbidden: Forbidden) -> Float[Tensor, "N S"]: ...


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


class Factored(nn.Module):
    """Learned P(class) and learned P(symbol | class): the base form.

    The class logits start at the training frequencies, and so do the logits within each class.
    """

    def __init__(self, vocabulary: Vocabulary, width: int, within_width: int | None = None) -> None:
        super().__init__()
        self.tree = Hierarchy(vocabulary)
        within_width = within_width or max(8, width // 2)
        self.class_logits = nn.Linear(width, self.tree.classes)
        self.within_states = nn.Linear(width, within_width)
        self.within_weight = nn.Parameter(torch.randn(self.tree.symbols, within_width) * 0.02)
        counts = torch.tensor([1.0, 1.0, *vocabulary.counts])
        of_class = torch.zeros(self.tree.classes).index_add_(0, self.tree.symbol_class, counts)
        self.within_bias = nn.Parameter(counts.log())
        with torch.no_grad():
            self.class_logits.bias.copy_(of_class.log() - of_class.log().mean())
            self.class_logits.weight.normal_(std=0.02)

    def target(
        self, states: Float[Tensor, "N D"], target: Int[Tensor, "N"], forbidden: Forbidden
    ) -> tuple[Float[Tensor, "N"], Float[Tensor, "N K"]]:
        """Log-probability of each target and of every class; only the targets' siblings are scored."""
        tree = self.tree
        class_log_prob = tree.class_log_prob(self.class_logits(states).float(), forbidden)
        of_target = tree.symbol_class[target]
        size = tree.class_size[of_target]
        first = size.cumsum(0) - size
        row = torch.repeat_interleave(size)
        sibling = tree.class_start[of_target][row] + torch.arange(len(row), device=row.device) - first[row]
        logits = self._within(states)[row].mul(self.within_weight[sibling]).sum(-1).float()
        logits = logits + self.within_bias[sibling]
        same = tree.symbol_class[forbidden.symbol] == of_target[forbidden.at]
        at, symbol = forbidden.at[same], forbidden.symbol[same]
        used = torch.zeros_like(logits, dtype=torch.bool)
        used[first[at] + symbol - tree.class_start[of_target[at]]] = True
        logits = logits.masked_fill(used, FORBIDDEN)
        top = logits.new_full((len(target),), FORBIDDEN).scatter_reduce(0, row, logits.detach(), "amax")
        total = torch.zeros_like(top).index_add(0, row, (logits - top[row]).exp())
        chosen = logits[first + target - tree.class_start[of_target]]
        within = chosen - top - total.log()
        return class_log_prob.gather(1, of_target[:, None]).squeeze(1) + within, class_log_prob

    def symbols(self, states: Float[Tensor, "N D"], forbidden: Forbidden) -> Float[Tensor, "N S"]:
        """Log-probability of every symbol."""
        tree = self.tree
        class_log_prob = tree.class_log_prob(self.class_logits(states).float(), forbidden)
        logits = (self._within(states) @ self.within_weight.T).float() + self.within_bias
        logits[forbidden.at, forbidden.symbol] = FORBIDDEN
        return class_log_prob[:, tree.symbol_class] + _within_class_log_softmax(logits, tree)

    def _within(self, states: Float[Tensor, "N D"]) -> Float[Tensor, "N W"]:
        return self.within_states(states)


class CategoryThenUniform(nn.Module):
    """Learned P(class), then a uniform draw among its codes: the expansion of the analysed system."""

    def __init__(self, vocabulary: Vocabulary, width: int) -> None:
        super().__init__()
        self.tree = Hierarchy(vocabulary)
        self.class_logits = nn.Linear(width, self.tree.classes)
        nn.init.normal_(self.class_logits.weight, std=0.02)

    def target(
        self, states: Float[Tensor, "N D"], target: Int[Tensor, "N"], forbidden: Forbidden
    ) -> tuple[Float[Tensor, "N"], Float[Tensor, "N K"]]:
        """Log-probability of each target and of every class."""
        left = self.tree.left(forbidden)
        class_log_prob = masked_log_softmax(self.class_logits(states).float(), left <= 0)
        leaf = class_log_prob - left.clamp(min=1).log()
        return leaf.gather(1, self.tree.symbol_class[target][:, None]).squeeze(1), class_log_prob

    def symbols(self, states: Float[Tensor, "N D"], forbidden: Forbidden) -> Float[Tensor, "N S"]:
        """Log-probability of every symbol."""
        left = self.tree.left(forbidden)
        leaf = masked_log_softmax(self.class_logits(states).float(), left <= 0) - left.clamp(min=1).log()
        leaf = leaf[:, self.tree.symbol_class]
        leaf[forbidden.at, forbidden.symbol] = FORBIDDEN
        return leaf


class Flat(nn.Module):
    """One softmax over all symbols; the class probability is the sum of its symbols'."""

    def __init__(self, vocabulary: Vocabulary, width: int) -> None:
        super().__init__()
        self.tree = Hierarchy(vocabulary)
        self.logits = nn.Linear(width, self.tree.symbols)
        counts = torch.tensor([1.0, 1.0, *vocabulary.counts])
        with torch.no_grad():
            self.logits.bias.copy_(counts.log() - counts.log().mean())
            self.logits.weight.normal_(std=0.02)

    def target(
        self, states: Float[Tensor, "N D"], target: Int[Tensor, "N"], forbidden: Forbidden
    ) -> tuple[Float[Tensor, "N"], Float[Tensor, "N K"]]:
        """Log-probability of each target and of every class."""
        leaf = self.symbols(states, forbidden)
        classes = leaf.new_zeros(len(leaf), self.tree.classes)
        classes = classes.index_add(1, self.tree.symbol_class, leaf.exp())
        floor = torch.finfo(leaf.dtype).tiny
        return leaf.gather(1, target[:, None]).squeeze(1), classes.clamp(min=floor).log()

    def symbols(self, states: Float[Tensor, "N D"], forbidden: Forbidden) -> Float[Tensor, "N S"]:
        """Log-probability of every symbol."""
        logits = self.logits(states).float()
        barred = torch.zeros_like(logits, dtype=torch.bool)
        barred[forbidden.at, forbidden.symbol] = True
        barred[:, :MARK_CLASSES] = forbidden.opens_visit[:, None]
        return masked_log_softmax(logits, barred)


DISTRIBUTIONS = {"factored": Factored, "flat": Flat, "category": CategoryThenUniform}


def masked_log_softmax(logits: Float[Tensor, "N K"], barred: Bool[Tensor, "N K"]) -> Float[Tensor, "N K"]:
    """Log-softmax over what is not barred; barred entries are about FORBIDDEN, so that exp gives 0."""
    return torch.log_softmax(logits.masked_fill(barred, FORBIDDEN), dim=-1)


def _within_class_log_softmax(logits: Float[Tensor, "N S"], tree: Hierarchy) -> Float[Tensor, "N S"]:
    """Log-softmax within each class: segments of the symbol axis."""
    shape = (len(logits), tree.classes)
    index = tree.symbol_class.expand_as(logits)
    top = torch.full(shape, FORBIDDEN, device=logits.device).scatter_reduce(1, index, logits.detach(), "amax")
    shifted = logits - top[:, tree.symbol_class]
    total = torch.zeros(shape, device=logits.device).index_add(1, tree.symbol_class, shifted.exp())
    return (shifted - total.log()[:, tree.symbol_class]).clamp(min=FORBIDDEN)
