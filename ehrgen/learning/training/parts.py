"""A batch divided over processes and over time: the model runs on some patients at once, and all get the whole output.

Objectives then need no change, and neither do those that are no sums over positions: they see every patient. Only a
process's own part carries a gradient, so the sum of gradients over processes is that of one process, exact but for
the order of sums (and for dropout, of which each process has a random stream of its own).

Of parts that one process runs one after the other, it keeps the outputs alone; the gradient computes each part's states
anew, with the same dropout. That is gradient accumulation with the memory of one part, and exact for every objective.

Axes: B patients, N positions, of the whole batch.

Source:
    Outputs first, states anew: Gao et al. (2021), Scaling Deep Contrastive Learning Batch Size under Memory Limited
    Setup, https://arxiv.org/abs/2101.06983.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Int
from numpy import ndarray
from torch.utils.checkpoint import checkpoint

from ehrgen.learning.batches import Batch
from ehrgen.learning.machine import processes
from ehrgen.learning.model.output import Output

Model = Callable[..., Output]
TENSORS = tuple(field.name for field in fields(Output))


@dataclass(frozen=True)
class Share:
    """What one process computes of a batch: the patients from `start` up to, not including, `stop`."""

    start: int
    stop: int
    positions: int

    def rows(self, name: str) -> int:
        """Rows of its part of an Output's tensor: a patient each for the sex head, a position each for all others."""
        return self.stop - self.start if name == "sex_logits" else self.positions


def whole_output(model: Model, batch: Batch, forbid_used: bool, parts: int = 1) -> Output:
    """The model's output on the whole batch; of several processes, each computes its share and is told the rest.

    Args:
        parts: How many parts each process divides its share into, to run them one after the other.
    """
    if processes.count() == 1:
        return in_parts(model, batch, forbid_used, parts)
    lengths = batch.real.sum(1).cpu().numpy()
    bounds = divided(lengths, processes.count())
    shares = [Share(start, stop, int(lengths[start:stop].sum())) for start, stop in bounds]
    start, stop = bounds[processes.number()]
    # Whoever has no patient runs one and keeps nothing of it: a gradient of 0, but of all parameters.
    start = min(start, len(lengths) - 1)
    own = in_parts(model, batch.part(start, max(stop, start + 1)), forbid_used, parts)
    return joined(own, shares, processes.number())


def in_parts(model: Model, batch: Batch, forbid_used: bool, parts: int) -> Output:
    """The output on a batch of which no more than one part's states are held at a time, now and for the gradient."""
    if parts == 1:
        return model(batch, forbid_used=forbid_used)
    bounds = divided(batch.real.sum(1).cpu().numpy(), parts)
    outputs = [
        checkpoint(model, batch.part(start, stop), forbid_used=forbid_used, use_reentrant=False)
        for start, stop in bounds
        if stop > start
    ]
    return Output(**{name: torch.cat([getattr(output, name) for output in outputs]) for name in TENSORS})


def divided(lengths: Int[ndarray, " B"], count: int) -> list[tuple[int, int]]:
    """(first, past the last) patient of each process: neighbours, with about equally many positions.

    Example:
        >>> divided(np.array([3, 3, 2, 9, 1]), 2)
        [(0, 3), (3, 5)]
        >>> divided(np.array([7]), 2)
        [(0, 0), (0, 1)]
    """
    middle = np.cumsum(lengths) - lengths / 2
    owner = (middle * count / lengths.sum()).astype(np.int64)
    edges = np.searchsorted(owner, np.arange(count + 1)).tolist()
    return list(pairwise(edges))


def joined(own: Output, shares: Sequence[Share], number: int) -> Output:
    """The outputs of all processes put together, patient by patient; only one's own carries a gradient.

    Each process sends one message: its rows of every tensor, flat, one tensor after the other.

    Args:
        own: Of this process, perhaps with more rows than its share has.
        shares: Those of all processes.
        number: Which process this is.
    """
    mine = {name: getattr(own, name)[: shares[number].rows(name)] for name in TENSORS}
    row_shapes = {name: tensor.shape[1:] for name, tensor in mine.items()}
    message = torch.cat([tensor.detach().flatten() for tensor in mine.values()])
    lengths = [[share.rows(name) * row_shapes[name].numel() for name in TENSORS] for share in shares]
    messages = processes.gathered(message, [sum(of_share) for of_share in lengths])
    outputs = []
    for share, of_share, received in zip(shares, lengths, messages, strict=True):
        flat = dict(zip(TENSORS, received.split(of_share), strict=True))
        outputs.append({name: flat[name].view(share.rows(name), *row_shapes[name]) for name in TENSORS})
    outputs[number] = mine
    return Output(**{name: torch.cat([output[name] for output in outputs]) for name in TENSORS})
