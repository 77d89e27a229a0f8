"""The output distribution: log P(symbol) = log P(class | state) + log P(symbol | class, state).

A class is a special token or an ICD-9 category (see `data.sequences.vocabulary`). What the sampler forbids, the loss
forbids too: codes the visit already holds, categories with no code left, and ending a visit that is still empty get no
probability, and what is left sums to 1 exactly.

Axes: N positions, D state, K classes, S symbols, J pairs of (position, symbol already used), R symbols of the
targets' classes, position by position.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ehrgen.data.sequences.vocabulary import SPECIAL_CLASSES, Vocabulary
from ehrgen.learning.model.class_tree import FORBIDDEN, ClassTree, Forbidden, Siblings, masked_log_softmax
from ehrgen.learning.model.direct_output import Direct
from ehrgen.learning.model.draws import draw_index


@dataclass(frozen=True)
class Choices:
    """What could come at each position, a row a position and item, out of the items that one bias has a number for."""

    position: Int[Tensor, " R"]
    item: Int[Tensor, " R"]
    log_prob: Float[Tensor, " R"]
    """Of a position sums to 1 over its items."""
    chosen: Int[Tensor, " N"]
    """The item that came."""

    @classmethod
    def among_all(cls, log_prob: Float[Tensor, "N items"], chosen: Int[Tensor, " N"]) -> "Choices":
        """The same items at every position."""
        positions, items = log_prob.shape
        each = torch.arange(items, device=log_prob.device).repeat(positions)
        position = torch.arange(positions, device=log_prob.device).repeat_interleave(items)
        return cls(position, each, log_prob.flatten(), chosen)


Bias = tuple[nn.Parameter, Int[Tensor, " S"]]
"""Numbers added to logits, and to which of them each symbol belongs."""


class Factored(nn.Module):
    """Learned P(class) and learned P(symbol | class): the base form.

    The class logits start at the training frequencies, and so do the logits within each class.
    """

    def __init__(self, vocabulary: Vocabulary, width: int, within_width: int | None = None) -> None:
        super().__init__()
        self.tree = ClassTree(vocabulary)
        within_width = within_width or max(8, width // 2)
        self.class_logits = nn.Linear(width, self.tree.classes)
        self.within_states = nn.Linear(width, within_width)
        self.within_weight = nn.Parameter(torch.randn(self.tree.symbols, within_width) * 0.1)
        counts = torch.tensor([1.0, 1.0, *vocabulary.counts])
        of_class = torch.zeros(self.tree.classes).index_add_(0, self.tree.symbol_class, counts)
        self.within_bias = nn.Parameter(counts.log())
        with torch.no_grad():
            self.class_logits.bias.copy_(of_class.log() - of_class.log().mean())
            self.class_logits.weight.normal_(std=0.02)

    def target(
        self,
        states: Float[Tensor, "N D"],
        target: Int[Tensor, " N"],
        forbidden: Forbidden,
        direct: Direct | None = None,
    ) -> tuple[Float[Tensor, " N"], Float[Tensor, "N K"]]:
        """Log-probability of each target and of every class; only the targets' siblings are scored."""
        class_log_prob = self.tree.class_log_prob(self._classes(states, direct), forbidden)
        of_target = self.tree.symbol_class[target]
        siblings = self.tree.siblings(of_target, forbidden)
        logits = self._within(states, siblings, direct)
        top, log_total = siblings.log_sum(logits)
        chosen = logits[siblings.start + target - self.tree.class_start[of_target]]
        within = chosen - top - log_total
        return class_log_prob.gather(1, of_target[:, None]).squeeze(1) + within, class_log_prob

    def symbols(
        self, states: Float[Tensor, "N D"], forbidden: Forbidden, direct: Direct | None = None
    ) -> Float[Tensor, "N S"]:
        """Log-probability of every symbol."""
        class_log_prob = self.tree.class_log_prob(self._classes(states, direct), forbidden)
        logits = (self.within_states(states) @ self.within_weight.T).float() + self.within_bias
        logits = logits if direct is None else direct.on_all_symbols(logits)
        logits[forbidden.at, forbidden.symbol] = FORBIDDEN
        return class_log_prob[:, self.tree.symbol_class] + self.tree.within_class_log_softmax(logits)

    def draw(
        self,
        states: Float[Tensor, "N D"],
        forbidden: Forbidden,
        generator: torch.Generator,
        direct: Direct | None = None,
    ) -> Int[Tensor, " N"]:
        """One symbol a position: its class first, then one of the class's symbols."""
        drawn = draw_index(self.tree.class_log_prob(self._classes(states, direct), forbidden), generator)
        siblings = self.tree.siblings(drawn, forbidden)
        return siblings.draw(self._within(states, siblings, direct), generator)

    def biases(self) -> list[Bias]:
        """Of classes, and of symbols within their class."""
        return [
            (self.class_logits.bias, self.tree.symbol_class),
            (self.within_bias, torch.arange(self.tree.symbols, device=self.within_bias.device)),
        ]

    def choices(
        self, states: Float[Tensor, "N D"], target: Int[Tensor, " N"], forbidden: Forbidden, direct: Direct | None
    ) -> list[Choices]:
        """Among classes, and among the target's siblings; of each bias in turn."""
        of_target = self.tree.symbol_class[target]
        siblings = self.tree.siblings(of_target, forbidden)
        logits = self._within(states, siblings, direct)
        top, log_total = siblings.log_sum(logits)
        within = logits - (top + log_total)[siblings.position]
        of_classes = self.tree.class_log_prob(self._classes(states, direct), forbidden)
        return [
            Choices.among_all(of_classes, of_target),
            Choices(siblings.position, siblings.symbol, within, target),
        ]

    def _classes(self, states: Float[Tensor, "N D"], direct: Direct | None) -> Float[Tensor, "N K"]:
        return with_terms(self.class_logits(states).float(), direct)

    def _within(self, states: Float[Tensor, "N D"], siblings: Siblings, direct: Direct | None) -> Float[Tensor, " R"]:
        """Logit of each sibling; barred ones FORBIDDEN."""
        logits = self.within_states(states)[siblings.position].mul(self.within_weight[siblings.symbol]).sum(-1).float()
        logits = logits + self.within_bias[siblings.symbol]
        if direct is not None:
            logits = direct.on_symbols(logits, siblings.position, siblings.symbol)
        return logits.masked_fill(siblings.barred, FORBIDDEN)


class CategoryThenUniform(nn.Module):
    """Learned P(class), then a uniform draw among its codes: the expansion of the analysed system."""

    def __init__(self, vocabulary: Vocabulary, width: int) -> None:
        super().__init__()
        self.tree = ClassTree(vocabulary)
        self.class_logits = nn.Linear(width, self.tree.classes)
        nn.init.normal_(self.class_logits.weight, std=0.02)

    def target(
        self,
        states: Float[Tensor, "N D"],
        target: Int[Tensor, " N"],
        forbidden: Forbidden,
        direct: Direct | None = None,
    ) -> tuple[Float[Tensor, " N"], Float[Tensor, "N K"]]:
        """Log-probability of each target and of every class."""
        left = self.tree.left(forbidden)
        class_log_prob = masked_log_softmax(with_terms(self.class_logits(states).float(), direct), left <= 0)
        leaf = class_log_prob - left.clamp(min=1).log()
        return leaf.gather(1, self.tree.symbol_class[target][:, None]).squeeze(1), class_log_prob

    def symbols(
        self, states: Float[Tensor, "N D"], forbidden: Forbidden, direct: Direct | None = None
    ) -> Float[Tensor, "N S"]:
        """Log-probability of every symbol."""
        left = self.tree.left(forbidden)
        leaf = (
            masked_log_softmax(with_terms(self.class_logits(states).float(), direct), left <= 0)
            - left.clamp(min=1).log()
        )
        leaf = leaf[:, self.tree.symbol_class]
        leaf[forbidden.at, forbidden.symbol] = FORBIDDEN
        return leaf

    def draw(
        self,
        states: Float[Tensor, "N D"],
        forbidden: Forbidden,
        generator: torch.Generator,
        direct: Direct | None = None,
    ) -> Int[Tensor, " N"]:
        """One symbol a position: its class first, then any of the class's symbols."""
        drawn = draw_index(
            self.tree.class_log_prob(with_terms(self.class_logits(states).float(), direct), forbidden), generator
        )
        siblings = self.tree.siblings(drawn, forbidden)
        even = torch.zeros(len(siblings.position), device=states.device)
        return siblings.draw(even.masked_fill(siblings.barred, FORBIDDEN), generator)

    def biases(self) -> list[Bias]:
        """Of classes."""
        return [(self.class_logits.bias, self.tree.symbol_class)]

    def choices(
        self, states: Float[Tensor, "N D"], target: Int[Tensor, " N"], forbidden: Forbidden, direct: Direct | None
    ) -> list[Choices]:
        """Among classes."""
        _, of_classes = self.target(states, target, forbidden, direct)
        return [Choices.among_all(of_classes, self.tree.symbol_class[target])]


class Flat(nn.Module):
    """One softmax over all symbols; the class probability is the sum of its symbols'."""

    def __init__(self, vocabulary: Vocabulary, width: int) -> None:
        super().__init__()
        self.tree = ClassTree(vocabulary)
        self.logits = nn.Linear(width, self.tree.symbols)
        counts = torch.tensor([1.0, 1.0, *vocabulary.counts])
        with torch.no_grad():
            self.logits.bias.copy_(counts.log() - counts.log().mean())
            self.logits.weight.normal_(std=0.02)

    def target(
        self,
        states: Float[Tensor, "N D"],
        target: Int[Tensor, " N"],
        forbidden: Forbidden,
        direct: Direct | None = None,
    ) -> tuple[Float[Tensor, " N"], Float[Tensor, "N K"]]:
        """Log-probability of each target and of every class."""
        leaf = self.symbols(states, forbidden, direct)
        classes = leaf.new_zeros(len(leaf), self.tree.classes)
        classes = classes.index_add(1, self.tree.symbol_class, leaf.exp())
        floor = torch.finfo(leaf.dtype).tiny
        return leaf.gather(1, target[:, None]).squeeze(1), classes.clamp(min=floor).log()

    def symbols(
        self, states: Float[Tensor, "N D"], forbidden: Forbidden, direct: Direct | None = None
    ) -> Float[Tensor, "N S"]:
        """Log-probability of every symbol."""
        logits = self.logits(states).float()
        if direct is not None:
            of_class = with_terms(logits.new_zeros(len(logits), self.tree.classes), direct)
            logits = direct.on_all_symbols(logits + of_class[:, self.tree.symbol_class])
        barred = torch.zeros_like(logits, dtype=torch.bool)
        barred[forbidden.at, forbidden.symbol] = True
        barred[:, :SPECIAL_CLASSES] = forbidden.opens_visit[:, None]
        return masked_log_softmax(logits, barred)

    def draw(
        self,
        states: Float[Tensor, "N D"],
        forbidden: Forbidden,
        generator: torch.Generator,
        direct: Direct | None = None,
    ) -> Int[Tensor, " N"]:
        """One symbol a position."""
        return draw_index(self.symbols(states, forbidden, direct), generator)

    def biases(self) -> list[Bias]:
        """Of symbols."""
        return [(self.logits.bias, torch.arange(self.tree.symbols, device=self.logits.bias.device))]

    def choices(
        self, states: Float[Tensor, "N D"], target: Int[Tensor, " N"], forbidden: Forbidden, direct: Direct | None
    ) -> list[Choices]:
        """Among symbols."""
        return [Choices.among_all(self.symbols(states, forbidden, direct), target)]


def with_terms(logits: Float[Tensor, "N K"], direct: Direct | None) -> Float[Tensor, "N K"]:
    """Class logits with what reaches them directly."""
    return logits if direct is None else direct.on_classes(logits)


DISTRIBUTIONS = {"factored": Factored, "flat": Flat, "category": CategoryThenUniform}
