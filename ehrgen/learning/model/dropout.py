"""Dropout by a quarter of a random number an element: on a CPU drawing them took a seventh of a training step."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

LEVELS = 2**16
"""A random number of 64 bits serves four elements of 16: a share is met to 1 in 131,072."""


def dropout(values: Float[Tensor, "..."], share: float) -> Float[Tensor, "..."]:
    """`values` with a share of them set to 0 at random and the rest scaled up, so that the mean stays what it is.

    Drawn from torch's own generator, whose seed is `torch.manual_seed`.

    Example:
        >>> dropout(torch.ones(2, 3), 0.0).tolist()
        [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]

    Source:
        Srivastava et al. (2014), Dropout.
    """
    if share == 0:
        return values
    if values.device.type != "cpu":
        return functional.dropout(values, share)
    barred = round(share * LEVELS)
    numbers = torch.empty(-(-values.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
    sixteenths = numbers.view(torch.int16)[: values.numel()].view(values.shape)
    kept = torch.ge(sixteenths, barred - LEVELS // 2, out=torch.empty_like(values, requires_grad=False))
    return values * kept.mul_(LEVELS / (LEVELS - barred))
