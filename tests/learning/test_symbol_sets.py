"""Sets of symbols as sorted keys do what a table of yes and no would."""

import torch

from ehrgen.learning.model.symbol_sets import SymbolSets

SYMBOLS = 4


def sets_of(table: torch.Tensor) -> SymbolSets:
    """The sets of a table [rows, symbols] of yes and no."""
    return SymbolSets.empty(SYMBOLS, table.device).having(*table.nonzero(as_tuple=True))


def table_of(sets: SymbolSets, rows: int) -> torch.Tensor:
    table = torch.zeros(rows, SYMBOLS, dtype=torch.bool)
    table[sets.row, sets.symbol] = True
    return table


def tables() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Two tables of six rows, and a choice of rows."""
    generator = torch.Generator().manual_seed(0)
    one, other = torch.rand(2, 6, SYMBOLS, generator=generator) < 0.5
    return one, other, torch.tensor([True, False, True, True, False, True])


def test_members_come_row_by_row_as_from_a_table():
    one, _, _ = tables()
    sets = sets_of(one)
    assert torch.equal(torch.stack([sets.row, sets.symbol], 1), one.nonzero())


def test_rows_that_go_on_are_counted_anew_and_others_are_left_out():
    one, _, going = tables()
    assert torch.equal(table_of(sets_of(one).renumbered(going), int(going.sum())), one[going])
    assert torch.equal(table_of(sets_of(one).of_rows(going), len(one)), one & going[:, None])


def test_what_is_in_either_is_in_both_joined_once():
    one, other, _ = tables()
    joined = sets_of(one).joined(sets_of(other))
    assert torch.equal(table_of(joined, len(one)), one | other)
    assert torch.equal(joined.keys, sets_of(one | other).keys)


def test_a_symbol_that_is_there_already_is_not_there_twice():
    sets = SymbolSets.empty(SYMBOLS, torch.device("cpu")).having(torch.tensor([1, 0, 1]), torch.tensor([3, 2, 3]))
    assert sets.keys.tolist() == [2, 7]
