"""Random draws from log-probabilities; several processes draw what one would.

Axes: N rows, S indices of a row.
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from ehrgen.learning.machine import processes

RESOLUTION = 2**40
"""Weights are counted in this share of the largest one, rounded down: sums of whole numbers are exact, so every device
finds the same index. What weighs less than one share is never drawn."""


def draw_index(log_prob: Float[Tensor, "N S"], generator: torch.Generator) -> Int[Tensor, " N"]:
    """One index a row, in proportion to exp(log_prob).

    The S indices are laid out as about sqrt(S) blocks of sqrt(S): 7 indices as [0 1 2] [3 4 5] [6 . .]. One random
    number picks the block, by the sum of its weights, the other an index of the block. So a row takes two numbers
    and two short running sums; the race of `log_exponential` takes a number for every entry.
    """
    rows, indices = log_prob.shape
    width = math.isqrt(indices - 1) + 1  # sqrt(S), rounded up
    weights = log_prob.new_zeros(rows, -(-indices // width), width)
    torch.exp(log_prob, out=weights.flatten(1)[:, :indices])
    uniform = _with_own_rows_of_all(
        log_prob.new_empty(rows, 2, dtype=torch.float64), lambda numbers: numbers.uniform_(generator=generator)
    )
    block = _index_at_share(weights.sum(-1), uniform[:, 0])
    of_block = weights[torch.arange(rows, device=block.device), block]
    return block * width + _index_at_share(of_block, uniform[:, 1])


def _index_at_share(weights: Float[Tensor, "N S"], share: Float64[Tensor, " N"]) -> Int[Tensor, " N"]:
    """Where the running sum of a row's weights first passes `share` of their total; `share` is from 0 to below 1.

    Example:
        >>> weights = torch.tensor([[1.0, 0.0, 3.0]]).expand(2, -1)
        >>> _index_at_share(weights, torch.tensor([0.2, 0.3], dtype=torch.float64)).tolist()
        [0, 2]
    """
    of_largest = weights.double() / weights.amax(-1, keepdim=True)
    running_sum = (of_largest * RESOLUTION).long().cumsum(-1)
    total = running_sum[:, -1:]
    threshold = (share[:, None] * total).long().minimum(total - 1)  # rounding could reach the total
    return torch.searchsorted(running_sum, threshold, right=True).squeeze(1)


def log_exponential(like: Float[Tensor, "..."], generator: torch.Generator) -> Float[Tensor, "..."]:
    """Logs of draws from Exp(1), shaped as `like`."""
    draws = _with_own_rows_of_all(like, lambda numbers: numbers.exponential_(generator=generator))
    return draws.log_()


def _with_own_rows_of_all(like: Tensor, fill: Callable[[Tensor], Tensor]) -> Tensor:
    """Random numbers shaped as `like`, those that one process would draw for these rows.

    Several processes share one random stream: each draws the numbers for the rows of all, and keeps those of its own.
    """
    rows = processes.of_each(len(like), like.device)
    numbers = fill(torch.empty(sum(rows), *like.shape[1:], dtype=like.dtype, device=like.device))
    rows_before = sum(rows[: processes.number()])
    return numbers[rows_before : rows_before + len(like)]
