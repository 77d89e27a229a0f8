"""Does a head read the codes, or the prompt? Each objective on validation patients, as they are and mixed up.

Objectives that ask for age or sex read states that have seen the prompt, and the prompt states the answer. A low loss
therefore shows nothing, until codes and prompt come from different patients:

value, accuracy                   a patient's codes, prompt and labels
..._codes_shuffled                a patient's prompt and labels with another's codes: stays up if the prompt is read
..._prompts_shuffled              a patient's codes and labels with another's prompt: stays up if the codes are read

One pass serves both mixtures, because they differ only in whose labels are asked for. Of lm and cooccur, whose
targets are the codes themselves, both say the same: what a stranger's prompt costs.

Source:
    Permuting an input to measure reliance on it: Breiman (2001), Random Forests, section 10.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Int
from numpy import ndarray
from torch import Tensor, nn

from ehrgen.data.sequences.sequences import Sequences
from ehrgen.learning.batches import Batch, collate, plan
from ehrgen.learning.machine.device import Machine
from ehrgen.learning.model.output import Output
from ehrgen.learning.objectives import lm_and_heads
from ehrgen.learning.objectives.table import NothingToScoreError, Objective
from ehrgen.learning.settings import Recipe
from ehrgen.learning.training.chance import (
    LABELLED,
    chance_of_label,
    chance_of_symbols,
    label_counts,
    labels,
    times_asked,
)
from ehrgen.learning.training.codes_only_probe import right_guesses
from ehrgen.learning.training.history import Probed

PATIENTS = 256
"""Validation patients probed after each epoch: a standard error of 3 points at most."""

SEED = 0

HEADS: dict[Objective, Callable[[Output, Batch], Bool[Tensor, " ..."]]] = {
    lm_and_heads.age: lambda out, batch: out.age_logits.argmax(-1) == batch.bracket[batch.patient],
    lm_and_heads.sex: lambda out, batch: out.sex_logits.argmax(-1) == batch.sex,
}
"""Objectives that train a head, and where it is right: age at every position, sex of every patient. Other forms of age
and sex train none, so its accuracy would say nothing."""


class ProbeError(ValueError):
    """Validation patients that cannot be probed; the message says how many there are and what to do."""


class Probes:
    """Validation patients, each as it is and with another's prompt, and what is known of their labels beforehand."""

    def __init__(
        self,
        recipe: Recipe,
        training: Sequences,
        validation: Sequences,
        objectives: Mapping[str, Objective],
        machine: Machine,
    ) -> None:
        self.objectives, self.machine, self.forbid_used = objectives, machine, recipe.train.mask_repeats
        rng = np.random.default_rng(SEED)
        patients = _to_probe(training, validation, rng)
        if recipe.train.order == "shuffled":
            validation = validation.shuffled(rng)
        own = _collated(validation, patients, recipe)
        mixed = _collated(_strangers(validation, patients), patients, recipe)
        self.batches = [
            (batch.to(machine.device), stranger.to(machine.device)) for batch, stranger in zip(own, mixed, strict=True)
        ]
        self.beforehand = {name: _beforehand(name, recipe, training, validation, patients) for name in objectives}

    @torch.no_grad()
    def measure(self, model: nn.Module) -> dict[str, Probed]:
        """Columns of the history by objective; `model`, which maps (Batch, forbid_used) to Output, keeps its mode."""
        mode = model.training
        model.eval()
        own, codes, prompts = ({name: _Score() for name in self.objectives} for _ in range(3))
        for batch, mixed in self.batches:
            with self.machine.autocast():
                out = model(batch, forbid_used=self.forbid_used)
                out_mixed = model(mixed, forbid_used=self.forbid_used)
                for name, objective in self.objectives.items():
                    own[name].add(objective, out, batch)
                    codes[name].add(objective, out_mixed, mixed)
                    prompts[name].add(objective, out_mixed, batch)
        model.train(mode)
        return {
            name: {
                "validation_value": own[name].value,
                "accuracy": own[name].accuracy,
                "value_codes_shuffled": codes[name].value,
                "accuracy_codes_shuffled": codes[name].accuracy,
                "value_prompts_shuffled": prompts[name].value,
                "accuracy_prompts_shuffled": prompts[name].accuracy,
                **self.beforehand[name],
            }
            for name in self.objectives
        }


@dataclass
class _Score:
    """Running sums of one objective in one situation; values are averaged as in training, by positions."""

    total: float = 0.0
    positions: int = 0
    right: int = 0
    asked: int = 0

    def add(self, objective: Objective, out: Output, batch: Batch) -> None:
        with suppress(NothingToScoreError):
            self.total += len(batch.target) * float(objective(out, batch))
            self.positions += len(batch.target)
        if objective in HEADS:
            hits = HEADS[objective](out, batch)
            self.right += int(hits.sum())
            self.asked += len(hits)

    @property
    def value(self) -> float | None:
        return self.total / self.positions if self.positions else None

    @property
    def accuracy(self) -> float | None:
        return self.right / self.asked if self.asked else None


def _to_probe(training: Sequences, validation: Sequences, rng: np.random.Generator) -> Int[ndarray, " B"]:
    """Rows of the patients to probe, at random; without those whose bracket or sex no training patient has.

    Raises:
        ProbeError: If fewer than two are left.
    """
    rows = rng.permutation(len(validation))
    for name in LABELLED:
        rows = rows[np.isin(labels(validation, name)[rows], labels(training, name))]
    if len(rows) < 2:
        raise ProbeError(
            f"validation split: {len(rows)} of {len(validation)} patients are of an age bracket and sex that training "
            "knows, and 2 are needed to exchange prompts; raise cohort.patients or cohort.split.validation"
        )
    return rows[:PATIENTS]


def _strangers(sequences: Sequences, patients: Int[ndarray, " B"]) -> Sequences:
    """The same records, each of `patients` with the demographics of the one before it, in a circle."""
    age, sex = np.array(sequences.age), np.array(sequences.sex)
    age[patients], sex[patients] = age[np.roll(patients, 1)], sex[np.roll(patients, 1)]
    return replace(sequences, age=age, sex=sex)


def _collated(sequences: Sequences, patients: Int[ndarray, " B"], recipe: Recipe) -> list[Batch]:
    """`patients` with the inputs and the batch size of training; a corrupted record lacks the same codes each time."""
    rng = np.random.default_rng(SEED)
    steps = plan((np.diff(sequences.offsets) - 1)[patients], recipe.train.batch_tokens, None)
    inputs = recipe.model.encoder_input, recipe.model.corruption
    return [collate(sequences, patients[rows], *inputs, rng) for rows in steps]


def _beforehand(
    objective: str, recipe: Recipe, training: Sequences, validation: Sequences, patients: Int[ndarray, " B"]
) -> Probed:
    """Chance, probe accuracy and majority: what does not change with the model."""
    if objective not in LABELLED:
        chance = chance_of_symbols(training, recipe.model.hierarchy) if objective == "lm" else None
        return {"chance": chance, "probe_accuracy": None, "majority": None}
    form = recipe.loss.age_form
    counts = label_counts(validation, objective, form, patients)
    right = right_guesses(training, validation, objective)[patients]
    return {
        "chance": chance_of_label(counts),
        "probe_accuracy": float(np.average(right, weights=times_asked(validation, objective, form)[patients])),
        "majority": float(counts.max() / counts.sum()),
    }
