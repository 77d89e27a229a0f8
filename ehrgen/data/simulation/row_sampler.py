"""Columns of a sparse matrix of weights, drawn row by row: the one way in which reference generators draw codes.

Axes: R rows, C columns, n draws, N sets.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy import sparse

from ehrgen.data.indicator import indicator


@dataclass(frozen=True)
class RowSampler:
    """The weights, laid end to end on one line, on which a draw is a point.

    Attributes:
        columns: The column of each positive weight, row after row.
        edges: Where each weight begins on the line, and where the last one ends.
        first: Number of the first weight of each row, and the number of all weights.
        width: C.
    """

    columns: Int[ndarray, " weights"]
    edges: Float[ndarray, " edges"]
    first: Int[ndarray, " starts"]
    width: int

    @classmethod
    def of(cls, weights: sparse.csr_array | Float[ndarray, "R C"]) -> Self:
        """The sampler of these weights, 0 or more each; a row may have none."""
        rows = sparse.csr_array(weights)
        return cls(rows.indices, np.append(0.0, np.cumsum(rows.data)), rows.indptr, rows.shape[1])

    def total(self, row: Int[ndarray, " n"]) -> Float[ndarray, " n"]:
        """Sum of the weights of each of these rows."""
        return self.edges[self.first[row + 1]] - self.edges[self.first[row]]

    def draw(self, row: Int[ndarray, " n"], rng: np.random.Generator) -> Int[ndarray, " n"]:
        """A column for each of these rows, in proportion to the row's weights; -1 for a row without any."""
        start, end = self.edges[self.first[row]], self.edges[self.first[row + 1]]
        point = start + rng.random(len(row)) * (end - start)
        point = np.minimum(point, np.nextafter(end, 0))  # rounding must not reach the next row
        column = np.full(len(row), -1)
        some = end > start
        column[some] = self.columns[np.searchsorted(self.edges, point[some], side="right") - 1]
        return column

    def distinct(self, row: Int[ndarray, " N"], size: Int[ndarray, " N"], rng: np.random.Generator) -> sparse.csr_array:
        """[N, C] 0/1: `size` different columns for each of these rows, drawn one after the other.

        A column that was drawn before is drawn again. No row may have fewer weights than its size.
        """
        drawn, missing = np.empty(0, dtype=np.int64), size
        while missing.any():
            which = np.repeat(np.arange(len(row)), missing)
            drawn = np.unique(np.append(drawn, which * self.width + self.draw(row[which], rng)))
            missing = size - np.bincount(drawn // self.width, minlength=len(row))
        return indicator(*np.divmod(drawn, self.width), (len(row), self.width))
