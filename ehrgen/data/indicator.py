"""Sparse 0/1 matrices: which row holds which column, and which group holds which row.

Axes: R rows, C columns, G groups, n pairs. A visit or a patient is a row, a code a column.
"""

from typing import Any

import numpy as np
from jaxtyping import Int
from numpy import ndarray
from numpy.typing import DTypeLike
from scipy import sparse


def indicator(
    row: Int[ndarray, " n"], column: Int[ndarray, " n"], shape: tuple[int, int], dtype: DTypeLike = np.float64
) -> sparse.csr_array[Any, tuple[int, int]]:
    """[R, C] 1 at each of these places, however often it is named; columns ascend within a row.

    Example:
        >>> indicator(np.array([0, 0, 1]), np.array([2, 2, 0]), (2, 3)).toarray().tolist()
        [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    found = sparse.csr_array((np.ones(len(row), dtype), (row, column)), shape=shape)
    found.sum_duplicates()
    found.data[:] = 1
    return found


def membership(
    group: Int[ndarray, " R"], groups: int, dtype: DTypeLike = np.float64
) -> sparse.csr_array[Any, tuple[int, int]]:
    """[G, R] 1 where the row belongs to the group: times a matrix with R rows it gives the sum of each group's rows.

    Example:
        >>> (membership(np.array([1, 0, 1]), 2) @ np.array([[1.0], [2.0], [4.0]])).tolist()
        [[2.0], [5.0]]
    """
    return indicator(group, np.arange(len(group)), (groups, len(group)), dtype)
