"""AdamW as this room uses it, and its learning-rate schedule."""

import math
from typing import Any

import torch

from ehrgen.learning.model.prompt_bart import PromptBart
from ehrgen.learning.settings import TrainSettings

BETAS = (0.9, 0.999)
"""The second moment has to remember the last patient with a rare code: at 0.98 it forgets within 50 steps, and the code
is pushed down in full steps between its patients."""

RATE = "rate"
"""Key of a group of parameters: its learning rate over that of the step."""


def adamw(model: PromptBart, settings: TrainSettings, positions: int) -> torch.optim.Adam:
    """The optimizer of a model; weight decay for matrices only, as is usual, and a prior for tables if there is one.

    A normal prior of standard deviation s adds w / s^2 to the gradient of the summed loss. Weight decay would shrink
    what is known of every code alike; a prior gives way where there are many patients, and holds where there are two.

    Args:
        positions: Of the training split, whose mean loss a step's loss stands for.
    """
    priors = {"codes": settings.code_prior, "categories": settings.category_prior}
    groups: list[dict[str, Any]] = []
    for kind, tables in model.tables().items():
        group = {
            "params": tables,
            "weight_decay": 0.0,
            RATE: settings.table_rate,
        }
        if (deviation := priors[kind]) is not None:
            group |= {"weight_decay": 1 / (deviation**2 * positions), "decoupled_weight_decay": False}
        if deviation is not None or settings.table_rate != 1:
            groups.append(group)
    taken = {id(p) for group in groups for p in group["params"]}
    others = [p for p in model.parameters() if id(p) not in taken]
    matrices, vectors = [p for p in others if p.ndim > 1], [p for p in others if p.ndim <= 1]
    groups.append({"params": matrices, "weight_decay": settings.weight_decay, RATE: 1.0})
    groups.append({"params": vectors, "weight_decay": 0.0, RATE: 1.0})
    # With decoupled decay Adam is AdamW. The class AdamW decouples every group again when a checkpoint is loaded.
    return torch.optim.Adam(
        groups, lr=settings.learning_rate, betas=BETAS, weight_decay=0.0, fused=True, decoupled_weight_decay=True
    )


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
