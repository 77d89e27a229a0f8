"""A set of symbols for each patient that is being written, as sorted keys: most of 3,000 symbols are in nobody's set.

Axes: B patients, J members of all sets, C of them chosen.
"""

from dataclasses import dataclass
from typing import Self

import torch
from jaxtyping import Bool, Int
from torch import Tensor


@dataclass(frozen=True)
class SymbolSets:
    """The members of all sets: row x symbols + symbol, ascending."""

    keys: Int[Tensor, " J"]
    symbols: int

    @classmethod
    def empty(cls, symbols: int, device: torch.device) -> Self:
        """Nothing in any set."""
        return cls(torch.zeros(0, dtype=torch.long, device=device), symbols)

    @property
    def row(self) -> Int[Tensor, " J"]:
        """Whose each member is."""
        return self.keys // self.symbols

    @property
    def symbol(self) -> Int[Tensor, " J"]:
        """Which symbol each member is."""
        return self.keys % self.symbols

    def of_rows(self, some: Bool[Tensor, " B"]) -> Self:
        """The members of these rows, which keep their numbers."""
        return type(self)(self.keys[some[self.row]], self.symbols)

    def renumbered(self, going: Bool[Tensor, " B"]) -> Self:
        """The members of the rows that go on, which are counted anew."""
        number, members = going.cumsum(0) - 1, self.of_rows(going)
        return type(self)(number[members.row] * self.symbols + members.symbol, self.symbols)

    def joined(self, other: Self) -> Self:
        """What is in either."""
        return type(self)(torch.cat([self.keys, other.keys]).unique(), self.symbols)

    def having(self, row: Int[Tensor, " C"], symbol: Int[Tensor, " C"]) -> Self:
        """With these symbols as well."""
        return self.joined(type(self)(row * self.symbols + symbol, self.symbols))
