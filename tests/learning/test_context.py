"""What is known at a position, against the same in loops over visits; and how much of it is held at once."""

import numpy as np
import pytest
import torch
from hypothesis import given

from ehrgen.data.sequences.vocabulary import FIRST_CODE, FIRST_SYMBOL
from ehrgen.learning.batches import Batch
from ehrgen.learning.model.context import EARLIER, FOLDS, LAST, NEW, Context, Past, folds
from ehrgen.learning.model.symbol_sets import SymbolSets
from tests.support.sequences import RECORDS, Record, few, from_records, sequences_of, tiny
from tests.support.training import batch_of


def visits_before(batch: Batch) -> list[list[set[int]]]:
    """Of each position, the symbols of the visits before its own, by visit."""
    before: list[list[set[int]]] = []
    for tokens, real in zip(batch.inputs.tolist(), batch.real.tolist(), strict=True):
        visits: list[set[int]] = []
        for token in np.array(tokens)[np.array(real)]:
            if token < FIRST_CODE:
                visits.append(set())
            else:
                visits[-1].add(int(token) - FIRST_SYMBOL)
            before.append([set(visit) for visit in visits[:-1]])
    return before


def as_in(visits: list[set[int]], wanted: int) -> int:
    if visits and wanted in visits[-1]:
        return LAST
    return EARLIER if any(wanted in visit for visit in visits) else NEW


@few
@given(records=RECORDS)
def test_the_status_of_every_symbol_and_class_as_in_loops(records: list[Record]):
    sequences = sequences_of(from_records(records))
    batch, symbols = batch_of(sequences), len(sequences.vocabulary.symbol_class)
    of_symbol = torch.from_numpy(sequences.vocabulary.symbol_class).long()
    context = Context.of_batch(batch, symbols, None, None)
    before = visits_before(batch)
    assert context.has_past.tolist() == [bool(visits) for visits in before]
    assert context.number.tolist() == [len(visits) for visits in before]
    if context.past is None:
        return
    position = torch.arange(len(before)).repeat_interleave(symbols)
    every = torch.arange(symbols).repeat(len(before))
    found = context.past.status(context.visit[position], context.patient[position], every)
    assert found.tolist() == [as_in(visits, symbol) for visits in before for symbol in range(symbols)]
    reads = context.has_past.nonzero().squeeze(1)
    visit, first = np.unique(context.visit[reads], return_index=True)
    patient, classes = context.patient[reads][first], len(sequences.vocabulary.class_size)
    rows = context.past.class_status(torch.from_numpy(visit), patient, of_symbol, classes, 1 + int(context.visit[-1]))
    for row, at in zip(rows.tolist(), reads[first].tolist(), strict=True):
        by_class = [{int(of_symbol[symbol]) for symbol in held} for held in before[at]]
        assert row == [as_in(by_class, one) for one in range(classes)]


def test_of_first_visits_there_is_no_past():
    batch = batch_of(sequences_of(from_records([[["4019", "486"]], [["486"]]])))
    assert Context.of_batch(batch, 10, None, None).past is None
    nothing = SymbolSets.empty(10, torch.device("cpu"))
    assert Context.of_open(nothing, nothing, nothing, torch.zeros(2, dtype=torch.long), None, None).past is None


def test_a_history_being_written_knows_what_a_written_one_does():
    last, earlier = (SymbolSets(torch.tensor(keys), 5) for keys in ([2, 4, 14], [3, 4]))  # of patient 0, 0, 2; 0, 0
    context = Context.of_open(last, last, earlier, torch.tensor([2, 0, 1]), None, None)
    assert context.has_past.tolist() == [True, False, True]
    row = torch.arange(3).repeat_interleave(5)
    assert context.past is not None
    found = context.past.status(row, row, torch.arange(5).repeat(3)).view(3, 5)
    assert found.tolist() == [[NEW, NEW, LAST, EARLIER, LAST], [NEW] * 5, [NEW] * 4 + [LAST]]


def test_memory_is_linear_in_the_history():
    """500 codes in 25 visits, half of them new each time: two numbers for each code and visit, none for pairs."""

    def numbers(visits: int) -> int:
        codes = [[str(1000 + 10 * visit + code) for code in range(20)] for visit in range(visits)]
        past = Context.of_batch(batch_of(sequences_of(from_records([codes]))), 5000, None, None).past
        assert isinstance(past, Past)
        return sum(len(part) for part in (past.in_last, past.in_any, past.first_visit))

    assert numbers(25) <= 3 * 20 * 25
    assert numbers(24) / numbers(12) == pytest.approx(2, abs=0.1)


def test_a_fold_is_of_the_history_whatever_the_order_of_its_codes_and_the_company():
    def of(batch: Batch) -> list[int]:
        context = Context.of_batch(batch, 100, None, None, training=True)
        assert context.fold is not None
        return context.fold.tolist()

    batch = batch_of(tiny())
    assert of(batch) == of(batch_of(tiny().shuffled(np.random.default_rng(1))))
    assert of(batch.part(3, 9)) == of(batch)[3:9]
    assert np.bincount(of(batch)).min() > len(tiny()) / FOLDS / 3
    assert folds(torch.tensor([7, 9, 4]), torch.tensor([0, 0, 1]), 2).tolist() == [16 % FOLDS, 4]
    assert Context.of_batch(batch, 100, None, None).fold is None
