"""AdamW as this room uses it, and its learning-rate schedule."""

import math

import torch
from torch import nn

from ehrgen.learning.settings import TrainSettings

BETAS = (0.9, 0.999)
"""The second moment has to remember the last patient with a rare code: at 0.98 it forgets within 50 steps, and the code
is pushed down in full steps between its patients."""


def adamw(model: nn.Module, settings: TrainSettings) -> torch.optim.AdamW:
    """The optimizer of a model; weight decay for matrices only, as is usual."""
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=BETAS, fused=True)


def learning_rate_factor(step: int, total: int, warmup: float) -> float:
    """Factor on the learning rate, 0 to 1: linear over the share `warmup` of all steps, then cosine decay to 0.

    It is not `get_cosine_schedule_with_warmup` of transformers: that one starts at 0, so that the first batch would
    teach nothing. This one is a step ahead until the warmup ends; from there both fall alike.

    Example:
        >>> [round(learning_rate_factor(step, 8, 0.25), 2) for step in range(9)]
        [0.5, 1.0, 1.0, 0.93, 0.75, 0.5, 0.25, 0.07, 0.0]
    """
    warm = max(1, round(warmup * total))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, total - warm)))
