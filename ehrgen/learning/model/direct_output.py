"""What reaches the logits without a detour through the states: what the visit and the visits before it hold.

It reaches them through attention too, but blurred: 64 numbers do not say which of 900 categories are taken. Each number
here is one of a category or a code, and starts at what the training split says (`training.starts`).

Axes: N positions, K classes, S symbols, R symbols of one class a position, W visits with one before them.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ehrgen.data.sequences.vocabulary import Vocabulary
from ehrgen.learning.model.context import Context, Past
from ehrgen.learning.model.started import Started
from ehrgen.learning.settings import ModelSettings


class DirectOutput(nn.Module):
    """The terms that the settings ask for, added to logits of classes and of symbols within them."""

    symbol_class: Int[Tensor, " S"]

    def __init__(self, settings: ModelSettings, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.register_buffer("symbol_class", torch.from_numpy(vocabulary.symbol_class).long(), persistent=False)
        self.symbols, self.classes = len(vocabulary.symbol_class), len(vocabulary.class_size)
        self.held = Started(self.classes) if settings.held_output else None
        self.class_history = Started(2 * self.classes) if settings.history_output else None
        self.symbol_history = Started(2 * self.symbols) if settings.history_output else None

    def at(self, context: Context) -> "Direct":
        """What it adds at these positions."""
        return Direct(self, context)


@dataclass(frozen=True)
class Direct:
    """The terms at N positions."""

    output: DirectOutput
    context: Context

    def on_classes(self, logits: Float[Tensor, "N K"]) -> Float[Tensor, "N K"]:
        """Class logits with the terms of each class."""
        if self.output.class_history is not None and self.context.past is not None:
            logits = self._with_history(logits, self.context.past, self.output.class_history)
        if self.output.held is not None:
            logits = self._with_held(logits, self.output.held)
        return logits

    def on_symbols(
        self, logits: Float[Tensor, " R"], position: Int[Tensor, " R"], symbol: Int[Tensor, " R"]
    ) -> Float[Tensor, " R"]:
        """Logits of these symbols within their class, with the terms of each symbol."""
        context, history = self.context, self.output.symbol_history
        if history is None or context.past is None:
            return logits
        reads = context.has_past[position].nonzero().squeeze(1)
        position, symbol = position[reads], symbol[reads]
        patient = context.patient[position]
        status = context.past.status(context.visit[position], patient, symbol)
        seen = status > 0
        index = (status[seen] - 1) * self.output.symbols + symbol[seen]
        return logits.index_add(0, reads[seen], history(index, self._fold(patient[seen])))

    def on_all_symbols(self, logits: Float[Tensor, "N S"]) -> Float[Tensor, "N S"]:
        """The same for every symbol."""
        positions, symbols = logits.shape
        position = torch.arange(positions, device=logits.device).repeat_interleave(symbols)
        symbol = torch.arange(symbols, device=logits.device).repeat(positions)
        return self.on_symbols(logits.flatten(), position, symbol).view_as(logits)

    def _with_history(self, logits: Float[Tensor, "N K"], past: Past, history: Started) -> Float[Tensor, "N K"]:
        """Plus what classes of earlier visits get; the same at all positions of a visit."""
        context, classes = self.context, self.output.classes
        reads = context.has_past.nonzero().squeeze(1)
        visit, row = context.visit[reads].unique(return_inverse=True)
        patient = torch.empty_like(visit).scatter(0, row, context.patient[reads])
        visits = int(context.visit[-1]) + 1
        status = past.class_status(visit, patient, self.output.symbol_class, classes, visits)
        at, of_class = status.nonzero(as_tuple=True)
        index = (status[at, of_class] - 1) * classes + of_class
        terms = logits.new_zeros(len(visit) * classes)
        terms = terms.index_add(0, at * classes + of_class, history(index, self._fold(patient[at])))
        return logits.index_add(0, reads, terms.view(len(visit), classes)[row])

    def _with_held(self, logits: Float[Tensor, "N K"], held: Started) -> Float[Tensor, "N K"]:
        """Plus what each class that the visit holds gets, once."""
        context, classes = self.context, self.output.classes
        place = (context.used_at * classes + self.output.symbol_class[context.used_symbol]).unique()
        numbers = held(place % classes, self._fold(context.patient[place // classes]))
        return logits.flatten().index_add(0, place, numbers).view_as(logits)

    def _fold(self, patient: Int[Tensor, "..."]) -> Int[Tensor, "..."] | None:
        return None if self.context.fold is None else self.context.fold[patient]
