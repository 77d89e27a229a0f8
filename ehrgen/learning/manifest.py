"""What a training was made of: configuration, seed, key, versions, hardware, time."""

import json
from pathlib import Path

from ehrgen.files import replacing
from ehrgen.learning.machine import Machine
from ehrgen.learning.model import PromptBart
from ehrgen.learning.settings import Recipe


def write(
    path: Path, recipe: Recipe, machine: Machine, key: str, model: PromptBart, steps: int, seconds: float
) -> None:
    """Write the manifest as JSON.

    Args:
        steps: Optimiser steps that `seconds` were taken by.
        seconds: Wall time of the last, perhaps resumed, process.
    """
    parameters = {
        "all": sum(p.numel() for p in model.parameters()),
        "age_head": sum(p.numel() for p in model.age_head.parameters()),
        "sex_head": sum(p.numel() for p in model.sex_head.parameters()),
    }
    content = {
        "key": key,
        "seed": recipe.seed,
        "model": recipe.model.model_dump(),
        "loss": recipe.loss.model_dump(),
        "train": recipe.train.model_dump(),
        "parameters": parameters,
        "machine": machine.facts(),
        "steps": steps,
        "seconds": round(seconds, 1),
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
