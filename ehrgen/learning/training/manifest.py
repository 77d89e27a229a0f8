"""What a training was made of: configuration, seed, key, versions, hardware, time."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ehrgen.core.files import write_json
from ehrgen.learning.machine.device import Machine
from ehrgen.learning.model.prompt_bart import PromptBart
from ehrgen.learning.settings import Recipe


@dataclass(frozen=True)
class TimeSpent:
    """Seconds of the clock, and of the processor in this process alone: the latter other work on the machine spares."""

    wall: float
    cpu: float

    @classmethod
    def now(cls) -> Self:
        return cls(time.monotonic(), time.process_time())

    def since(self, start: Self) -> Self:
        """From `start` until this."""
        return type(self)(self.wall - start.wall, self.cpu - start.cpu)


def write(
    path: Path,
    recipe: Recipe,
    pretrained: dict[str, str] | None,
    machine: Machine,
    key: str,
    model: PromptBart,
    steps: int,
    took: TimeSpent,
) -> None:
    """Write the manifest as JSON.

    `pretrained` are the hashes of the checkpoint's files that it started from, None if it started from nothing.
    `steps` are the optimiser steps that the time `took` was spent on: those of the last, perhaps resumed, process.
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
        "seconds": round(took.wall, 1),
    }
    if pretrained is not None:
        content["pretrained"] = pretrained
    if machine.device.type == "cpu":  # of a GPU's work the processor's time says nothing
        content["cpu_seconds"] = round(took.cpu, 1)
    write_json(content, path, indent=1, sort_keys=True)
