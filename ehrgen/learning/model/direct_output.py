"""What reaches the logits without a detour through the states: what the visit and those before it hold.

It reaches them through attention too, but blurred: 64 numbers do not say which of 900 categories are taken. Each number
here is one of a category or a code, and starts at what the training split says (`training.starts`).

Axes: N positions, K classes, S symbols, R symbols of one class a position, W visits with one before them.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ehrgen.data.cohort import SEXES
from ehrgen.data.sequences.vocabulary import SPECIAL_CLASSES, Vocabulary
from ehrgen.learning.model.context import FOLDS, Context, Past
from ehrgen.learning.model.started import Started
from ehrgen.learning.settings import ModelSettings

MOST_CODES, MOST_VISITS = 60, 20
"""Longer visits and histories end as readily as these."""
AGE_GROUPS = 24
"""With about equally many training patients, but that no group holds an age that is one of its own."""


class DirectOutput(nn.Module):
    """The terms that the settings ask for, added to logits of classes and of symbols within them."""

    symbol_class: Int[Tensor, " S"]
    age_edges: Float[Tensor, " edges"]
    """Ages at which the second and every later age group begins."""

    def __init__(self, settings: ModelSettings, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.register_buffer("symbol_class", torch.from_numpy(vocabulary.symbol_class).long(), persistent=False)
        self.symbols, self.classes = len(vocabulary.symbol_class), len(vocabulary.class_size)
        self.held = Started(self.classes) if settings.held_output else None
        self.class_history = Started(2 * self.classes) if settings.history_output else None
        self.symbol_history = Started(2 * self.symbols) if settings.history_output else None
        self.history_level = nn.Parameter(torch.zeros(8)) if settings.history_output else None
        groups, on = len(SEXES) + AGE_GROUPS, settings.demographic_output
        self.class_group = Started(groups * self.classes, learns=False) if on else None
        self.symbol_group = Started(groups * self.symbols, learns=False) if on else None
        if on:
            self.register_buffer("age_edges", torch.full((AGE_GROUPS - 1,), torch.inf))
        self.visit_ends = Started(2 * (MOST_CODES + 1)) if settings.length_output else None
        self.history_ends = Started(MOST_VISITS + 1) if settings.length_output else None

    def at(self, context: Context) -> "Direct":
        """What it adds at these positions."""
        return Direct(self, context)


@dataclass(frozen=True)
class Direct:
    """The terms at N positions."""

    output: DirectOutput
    context: Context

    def on_classes(self, logits: Float[Tensor, "N K"]) -> Float[Tensor, "N K"]:
        """Class logits with the terms of each class; they are added in place."""
        if (
            self.output.class_history is not None
            and self.output.history_level is not None
            and self.context.past is not None
        ):
            levels = self._levels(self.context.past, self.output.history_level)
            logits = self._with_history(logits, self.context.past, self.output.class_history, levels)
        if self.output.held is not None:
            logits = self._with_held(logits, self.output.held)
        if self.output.class_group is not None and (groups := self._groups()) is not None:
            logits += self._of_groups(*groups, self.output.class_group)
        if self.output.visit_ends is not None and self.output.history_ends is not None:
            logits = self._with_ends(logits, self.output.visit_ends, self.output.history_ends)
        return logits

    def on_symbols(
        self, logits: Float[Tensor, " R"], position: Int[Tensor, " R"], symbol: Int[Tensor, " R"]
    ) -> Float[Tensor, " R"]:
        """Logits of these symbols within their class, with the terms of each symbol."""
        context, history = self.context, self.output.symbol_history
        if self.output.symbol_group is not None and (groups := self._groups()) is not None:
            patient = context.patient[position]
            for group in groups:
                index = group[patient] * self.output.symbols + symbol
                logits = logits + self.output.symbol_group(index, self._fold(patient))
        if history is None or context.past is None:
            return logits
        reads = context.has_past[position].nonzero().squeeze(1)
        position, symbol = position[reads], symbol[reads]
        patient = context.patient[position]
        status = context.past.status(context.visit[position], patient, symbol)
        seen = status > 0
        index = (status[seen] - 1) * self.output.symbols + symbol[seen]
        numbers = history(index, self._fold(patient[seen]))
        if self.output.history_level is not None:
            numbers = numbers + self.output.history_level[4 * status[seen] - 1]
        return logits.index_add(0, reads[seen], numbers)

    def on_all_symbols(self, logits: Float[Tensor, "N S"]) -> Float[Tensor, "N S"]:
        """The same for every symbol."""
        positions, symbols = logits.shape
        position = torch.arange(positions, device=logits.device).repeat_interleave(symbols)
        symbol = torch.arange(symbols, device=logits.device).repeat(positions)
        return self.on_symbols(logits.flatten(), position, symbol).view_as(logits)

    def _groups(self) -> tuple[Int[Tensor, " B"], Int[Tensor, " B"]] | None:
        """Of each patient the number of its sex, and that of its age group, which come after the sexes."""
        if self.context.age is None or self.context.sex is None:
            return None
        age = torch.bucketize(self.context.age, self.output.age_edges, right=True)
        return self.context.sex, len(SEXES) + age

    def _of_groups(self, sex: Int[Tensor, " B"], age: Int[Tensor, " B"], table: Started) -> Float[Tensor, "N K"]:
        """What classes get by sex and age group: few rows for all pairs of them, of which each position reads one."""
        context, classes = self.context, self.output.classes
        start = table.start if context.fold is not None else table.start[FOLDS:]
        of_sex, of_age = start.view(len(start), -1, classes).split([len(SEXES), AGE_GROUPS], dim=1)
        pairs = of_sex[:, :, None] + of_age[:, None]
        fold = torch.zeros_like(sex) if context.fold is None else context.fold
        pair = (fold * len(SEXES) + sex) * AGE_GROUPS + age - len(SEXES)
        return pairs.view(-1, classes).index_select(0, pair[context.patient])

    def _with_history(
        self, logits: Float[Tensor, "N K"], past: Past, history: Started, levels: Float[Tensor, "N 2"]
    ) -> Float[Tensor, "N K"]:
        """Plus what classes of earlier visits get, until this visit holds them.

        From then on it is their rarest siblings that are left, and nothing makes those likelier.
        """
        context, classes = self.context, self.output.classes
        reads = context.has_past.nonzero().squeeze(1)
        visit, row = context.visit[reads].unique(return_inverse=True)
        patient = torch.empty_like(visit).scatter(0, row, context.patient[reads])
        visits = int(context.visit[-1]) + 1
        status = past.class_status(visit, patient, self.output.symbol_class, classes, visits)
        at, of_class = status.nonzero(as_tuple=True)
        index = (status[at, of_class] - 1) * classes + of_class
        terms = logits.new_zeros(len(visit) * classes)
        terms = terms.index_add(0, at * classes + of_class, history(index, self._fold(patient[at]))).view_as(status)
        of_status = torch.cat([levels.new_zeros(len(reads), 1), levels[reads]], dim=1)
        terms = terms.index_select(0, row) + of_status.gather(1, status.index_select(0, row))
        held = torch.zeros(logits.numel(), dtype=torch.bool, device=logits.device)
        held = held.index_fill(0, self._held(), True).view_as(logits).index_select(0, reads)
        return logits.index_add_(0, reads, terms.masked_fill(held, 0.0))

    def _held(self) -> Int[Tensor, " H"]:
        """Position x classes + class, for each class that the position's visit holds, once."""
        return (
            self.context.used_at * self.output.classes + self.output.symbol_class[self.context.used_symbol]
        ).unique()

    def _levels(self, past: Past, level: Float[Tensor, "8"]) -> Float[Tensor, "N 2"]:
        """What all classes of the last visit get, and all of earlier ones, by how the visit began.

        A visit is about what the last one was about, or about something else, and its first codes tell which.
        """
        context = self.context
        at, symbol = context.used_at, context.used_symbol
        again = past.status(context.visit[at], context.patient[at], symbol) > 0
        positions = len(context.visit)
        came = torch.bincount(at[again], minlength=positions).float()
        new = torch.bincount(at[~again], minlength=positions).float()
        told = torch.stack([torch.ones_like(came), came.log1p(), new.log1p()], dim=1)
        return told @ level.view(2, 4)[:, :3].T

    def _with_held(self, logits: Float[Tensor, "N K"], held: Started) -> Float[Tensor, "N K"]:
        """Plus what each class that the visit holds gets, once."""
        context, classes = self.context, self.output.classes
        place = self._held()
        numbers = held(place % classes, self._fold(context.patient[place // classes]))
        logits.view(-1).index_add_(0, place, numbers)
        return logits

    def _with_ends(
        self, logits: Float[Tensor, "N K"], visit_ends: Started, history_ends: Started
    ) -> Float[Tensor, "N K"]:
        """Plus what `<visit>` and `<eos>` get, both by the codes of the visit so far, <eos> by visits too."""
        context = self.context
        held = torch.bincount(context.used_at, minlength=len(logits)).clamp(max=MOST_CODES)
        fold = self._fold(context.patient)
        either = visit_ends(held + (MOST_CODES + 1) * context.has_past, fold)
        last = history_ends(context.number.clamp(max=MOST_VISITS), fold)
        logits[:, :SPECIAL_CLASSES] += torch.stack([either, either + last], dim=1)
        return logits

    def _fold(self, patient: Int[Tensor, "..."]) -> Int[Tensor, "..."] | None:
        return None if self.context.fold is None else self.context.fold[patient]
