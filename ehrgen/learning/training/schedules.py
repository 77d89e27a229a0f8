"""How the weight of an objective moves by plan: a factor on it, from the progress of training and what it has shown.

Every factor is a function of the epochs passed and of the values of whole epochs, both of which a checkpoint holds,
so that a resumed training goes on with the same factors.
"""

import math
from collections.abc import Mapping, Sequence

from ehrgen.data.sequences.sequences import Sequences
from ehrgen.learning.settings import (
    ConstantSettings,
    RampSettings,
    Recipe,
    RetireSettings,
    ScheduleSettings,
    StepSettings,
)
from ehrgen.learning.training.chance import chance_of_label, chance_of_symbols, label_counts


class ScheduleError(ValueError):
    """A schedule that cannot be followed on these patients; the message says which and why."""


def factor(schedule: ScheduleSettings, passed: float, past: Sequence[float], chance: float | None = None) -> float:
    """What multiplies the weight, at least 0.

    Args:
        passed: Epochs passed, fractions included: 1.5 is the middle of epoch 2.
        past: The objective's value in each whole epoch so far, nats.
        chance: Its value for who knows frequencies alone, nats; `retire` needs it.

    Example:
        >>> step = StepSettings(kind="step", until_epoch=2)
        >>> [factor(step, passed, []) for passed in (0, 1.99, 2)]
        [1.0, 1.0, 0.0]
    """
    match schedule:
        case ConstantSettings():
            return 1.0
        case RampSettings(kind=kind, start=start, end=end, until_epoch=last):
            share = min(passed / last, 1.0)
            risen = share if kind == "linear" else 0.5 * (1 - math.cos(math.pi * share))
            return start + (end - start) * risen
        case StepSettings(until_epoch=last):
            return 1.0 if passed < last else 0.0
        case RetireSettings(below=below, epochs=epochs):
            if chance is None:
                raise ScheduleError("no chance level is known; use the schedule step instead of retire")
            return 0.0 if _solved(past, below * chance, epochs) else 1.0


def _solved(past: Sequence[float], limit: float, epochs: int) -> bool:
    """Whether `epochs` values in a row were below the limit, however long ago: what is retired stays so."""
    in_a_row = 0
    for value in past:
        in_a_row = in_a_row + 1 if value < limit else 0
        if in_a_row == epochs:
            return True
    return False


class Schedules:
    """The factors of all objectives; 1 where nothing is planned."""

    def __init__(self, recipe: Recipe, training: Sequences) -> None:
        """`training` is the training split.

        Raises:
            ScheduleError: If an objective is to retire whose chance level is 0 on these patients.
        """
        self.settings = dict(recipe.loss.schedules)
        self.chance: dict[str, float] = {}
        for name, schedule in self.settings.items():
            if schedule.kind == "retire":
                if name == "lm":
                    self.chance[name] = chance_of_symbols(training, recipe.model.hierarchy)
                else:
                    self.chance[name] = chance_of_label(label_counts(training, name, recipe.loss.age_form))
        for name, nats in self.chance.items():
            if nats == 0:
                raise ScheduleError(
                    f"loss.schedules.{name}: chance is 0 nats, the {len(training)} training patients have one label; "
                    f"set loss.{name} to 0"
                )

    def factors(self, passed: float, past: Mapping[str, Sequence[float]]) -> dict[str, float]:
        """The factor of each objective in `past`."""
        return {
            name: factor(self.settings[name], passed, values, self.chance.get(name)) if name in self.settings else 1.0
            for name, values in past.items()
        }
