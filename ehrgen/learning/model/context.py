"""What is known where a symbol comes next: the visit so far, the visits before it, the patient.

Memory is linear in the length of a history: earlier visits are sorted lists of (visit, symbol) and (patient, symbol),
which are searched where something asks for them.

Axes: N positions, B patients, V visits, W visits with one before them, J pairs (position, symbol already in its visit).
"""

from dataclasses import dataclass
from typing import Self

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ehrgen.data.sequences.vocabulary import FIRST_CODE, FIRST_SYMBOL
from ehrgen.learning.batches import Batch
from ehrgen.learning.model.symbol_sets import SymbolSets

NEW, LAST, EARLIER = 0, 1, 2
"""Where a symbol was: in no visit before, in the one just before, in one before that alone."""
FOLDS = 5


@dataclass(frozen=True)
class Past:
    """The symbols of the visits before each visit. A key is row x symbols + symbol, of a visit's or a patient's row."""

    in_last: Int[Tensor, " L"]
    """Sorted keys of visits: what the visit just before held."""
    in_any: Int[Tensor, " A"]
    """Sorted keys of patients: what any visit held, the patient's last one too."""
    first_visit: Int[Tensor, " A"]
    """The earliest visit of each of those."""
    symbols: int

    def status(
        self, visit: Int[Tensor, " R"], patient: Int[Tensor, " R"], symbol: Int[Tensor, " R"]
    ) -> Int[Tensor, " R"]:
        """NEW, LAST or EARLIER for each of these symbols, seen from these visits."""
        last, _ = _found(self.in_last, visit * self.symbols + symbol)
        known, place = _found(self.in_any, patient * self.symbols + symbol)
        earlier = known & (self.first_visit[place] < visit - 1)
        return torch.where(last, LAST, torch.where(earlier, EARLIER, NEW))

    def class_status(
        self,
        visit: Int[Tensor, " W"],
        patient: Int[Tensor, " W"],
        symbol_class: Int[Tensor, " S"],
        classes: int,
        visits: int,
    ) -> Int[Tensor, "W K"]:
        """The same for all classes: a class was in a visit if one of its symbols was.

        Args:
            visits: How many there are in all.
        """
        patients, row = patient.unique(return_inverse=True)
        owner, symbol = self.in_any // self.symbols, self.in_any % self.symbols
        mine, place = _found(patients, owner)
        first = torch.full((len(patients) * classes,), visits, device=visit.device)
        key = place[mine] * classes + symbol_class[symbol[mine]]
        first = first.scatter_reduce(0, key, self.first_visit[mine], "amin").view(len(patients), classes)
        status = torch.where(first[row] < visit[:, None] - 1, EARLIER, NEW)
        of_visit, place = _found(visit, self.in_last // self.symbols)
        status[place[of_visit], symbol_class[self.in_last[of_visit] % self.symbols]] = LAST
        return status


@dataclass(frozen=True)
class Context:
    """Of N positions, patient by patient: whose they are, and what has been written before the next symbol."""

    visit: Int[Tensor, " N"]
    patient: Int[Tensor, " N"]
    number: Int[Tensor, " N"]
    """Of the visit within its patient, from 0."""
    has_past: Bool[Tensor, " N"]
    used_at: Int[Tensor, " J"]
    used_symbol: Int[Tensor, " J"]
    age: Float[Tensor, " B"] | None
    sex: Int[Tensor, " B"] | None
    fold: Int[Tensor, " B"] | None
    """Whose statistics not to read, in training (see `Started`); None reads those of all training patients."""
    past: Past | None
    """None where no position has one."""

    @classmethod
    def of_batch(
        cls,
        batch: Batch,
        symbols: int,
        age: Float[Tensor, " B"] | None,
        sex: Int[Tensor, " B"] | None,
        training: bool = False,
    ) -> Self:
        """That of a batch of whole histories; `training` keeps a patient from reading statistics of itself."""
        tokens, patient = batch.inputs[batch.real], batch.patient
        visit = (tokens < FIRST_CODE).cumsum(0) - 1
        opening = (tokens < FIRST_CODE).nonzero().squeeze(1)
        patient_of_visit = patient[opening]
        first_of_patient = torch.searchsorted(patient_of_visit, patient_of_visit)
        number = torch.arange(len(opening), device=tokens.device) - first_of_patient
        later = number > 0
        code = (tokens >= FIRST_CODE).nonzero().squeeze(1)
        past = None
        if bool(later.any()):
            past = _past(visit[code], patient[code], tokens[code] - FIRST_SYMBOL, later, patient_of_visit, symbols)
        fold = folds(tokens[code], patient[code], len(batch.inputs)) if training else None
        return cls(visit, patient, number[visit], later[visit], batch.used_at, batch.used_symbol, age, sex, fold, past)

    @classmethod
    def of_open(
        cls,
        used: SymbolSets,
        last: SymbolSets,
        earlier: SymbolSets,
        number: Int[Tensor, " B"],
        age: Float[Tensor, " B"] | None,
        sex: Int[Tensor, " B"] | None,
    ) -> Self:
        """That of histories being written, a position each: what the open visit, the last and earlier ones hold.

        Args:
            number: Of the open visit, from 0.
        """
        row = torch.arange(len(number), device=number.device)
        has_past, past = torch.zeros_like(row, dtype=torch.bool).index_fill_(0, last.row, True), None
        if len(last.keys):
            either = last.joined(earlier)
            first_visit = either.row - 1
            if len(earlier.keys):
                first_visit -= _found(earlier.keys, either.keys)[0].long()
            past = Past(last.keys, either.keys, first_visit, last.symbols)
        return cls(row, row, number, has_past, used.row, used.symbol, age, sex, None, past)


def folds(tokens: Int[Tensor, " C"], patient: Int[Tensor, " C"], patients: int) -> Int[Tensor, " B"]:
    """A number below FOLDS for each patient, by the codes of the whole history in any order: equal ones share it."""
    return tokens.new_zeros(patients).index_add(0, patient, tokens) % FOLDS


def _past(
    visit: Int[Tensor, " C"],
    patient: Int[Tensor, " C"],
    symbol: Int[Tensor, " C"],
    later: Bool[Tensor, " V"],
    patient_of_visit: Int[Tensor, " V"],
    symbols: int,
) -> Past:
    """From the codes of all visits."""
    follows = torch.cat([later[1:], later.new_zeros(1)])  # whether a visit of the same patient comes after it
    left = follows[visit]
    in_last = ((visit[left] + 1) * symbols + symbol[left]).unique()
    several = torch.zeros(len(patient_of_visit), dtype=torch.bool, device=visit.device)
    several = several.index_fill(0, patient_of_visit[later], True)[patient]
    in_any, place = (patient[several] * symbols + symbol[several]).unique(return_inverse=True)
    first_visit = torch.full_like(in_any, len(later)).scatter_reduce(0, place, visit[several], "amin")
    return Past(in_last, in_any, first_visit, symbols)


def _found(keys: Int[Tensor, " A"], wanted: Int[Tensor, " R"]) -> tuple[Bool[Tensor, " R"], Int[Tensor, " R"]]:
    """Whether each is among the sorted keys, of which there is one at least, and where; anywhere, if it is not."""
    place = torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)
    return keys[place] == wanted, place
