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
from jaxtyping import Bool, Num
from scipy.special import entr
from torch import Tensor, nn

from ehrgen.data.sequences.sequences import Sequences
from ehrgen.data.sequences.vocabulary import FIRST_SYMBOL
from ehrgen.learning.batches import Batch, collate, plan
from ehrgen.learning.machine.device import Machine
from ehrgen.learning.model.output import Output
from ehrgen.learning.objectives import lm_and_heads
from ehrgen.learning.objectives.table import NothingToScoreError, Objective
from ehrgen.learning.settings import Recipe
from ehrgen.learning.training import ceiling

PATIENTS = 256
"""Validation patients probed after each epoch: a standard error of 3 points at most."""

LEAK_SHARE = 0.5
"""A head is leaky that, given another patient's codes, is right about more than this share of the patients that the
commonest label misses. Codes of a stranger say nothing, so all of it comes from the prompt."""

SEED = 0

LABELLED = ("age", "sex")
HEADS: dict[Objective, Callable[[Output, Batch], Bool[Tensor, " ..."]]] = {
    lm_and_heads.age: lambda out, batch: out.age_logits.argmax(-1) == batch.bracket[batch.patient],
    lm_and_heads.sex: lambda out, batch: out.sex_logits.argmax(-1) == batch.sex,
}
"""Objectives that train a head, and where it is right: age at every position, sex of every patient. Other forms of age
and sex train none, so its accuracy would say nothing."""


class ProbeError(ValueError):
    """Validation patients that cannot be probed; the message says how many there are and what to do."""


@dataclass(frozen=True)
class ProbeFacts:
    """One objective after one epoch, on validation patients; None where the objective has no such thing.

    Values in nats, all else shares from 0 to 1. A patient counts as often as the objective asks about it.
    """

    validation_value: float | None
    chance: float | None
    """Of age and sex the entropy of the label, of lm that of the training symbols: the value of knowing nothing."""
    accuracy: float | None
    value_codes_shuffled: float | None
    accuracy_codes_shuffled: float | None
    value_prompts_shuffled: float | None
    accuracy_prompts_shuffled: float | None
    probe_accuracy: float | None
    """Of a classifier that sees codes alone and learned from real ones: what an honest head can reach."""
    majority: float | None
    """Share of the commonest label."""

    @property
    def leaky(self) -> bool:
        """Whether the head reads its answer from the prompt."""
        if self.accuracy_codes_shuffled is None or self.majority is None:
            return False
        return self.accuracy_codes_shuffled > self.majority + LEAK_SHARE * (1 - self.majority)


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
        people = _people(training, validation, rng)
        if recipe.train.order == "shuffled":
            validation = validation.shuffled(rng)
        own, mixed = (_collated(one, people, recipe) for one in (validation, _strangers(validation, people)))
        self.batches = [(one.to(machine.device), two.to(machine.device)) for one, two in zip(own, mixed, strict=True)]
        self.beforehand = {
            name: _beforehand(name, objective, training, validation, people, recipe.model.hierarchy)
            for name, objective in objectives.items()
        }

    @torch.no_grad()
    def measure(self, model: nn.Module) -> dict[str, ProbeFacts]:
        """The facts of every objective; `model`, which maps (Batch, forbid_used) to Output, is left in its mode."""
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
            name: ProbeFacts(
                validation_value=own[name].value,
                accuracy=own[name].accuracy,
                value_codes_shuffled=codes[name].value,
                accuracy_codes_shuffled=codes[name].accuracy,
                value_prompts_shuffled=prompts[name].value,
                accuracy_prompts_shuffled=prompts[name].accuracy,
                **self.beforehand[name],
            )
            for name in self.objectives
        }


def leaks(epoch: int, facts: Mapping[str, ProbeFacts], weights: Mapping[str, float]) -> dict[str, str]:
    """What to say of objectives with a weight that are leaky, by name."""
    return {
        name: f"epoch {epoch}: {name} is leaky: {found.accuracy_codes_shuffled:.0%} right with the codes of other "
        f"patients, where the commonest label is right for {found.majority:.0%}; it reads the prompt (a classifier of "
        f"the patients' own codes reaches {found.probe_accuracy:.0%}): set loss.{name}_form to consistency or "
        f"loss.{name} to 0"
        for name, found in facts.items()
        if found.leaky and weights[name] > 0
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


def _people(training: Sequences, validation: Sequences, rng: np.random.Generator) -> np.ndarray:
    """Rows of the patients to probe, at random; without those whose bracket or sex no training patient has.

    Raises:
        ProbeError: If fewer than two are left.
    """
    order = rng.permutation(len(validation))
    for name in LABELLED:
        order = order[np.isin(ceiling.labels(validation, name)[order], ceiling.labels(training, name))]
    if len(order) < 2:
        raise ProbeError(
            f"validation split: {len(order)} of {len(validation)} patients are of an age bracket and sex that training "
            "knows, and 2 are needed to exchange prompts; raise cohort.patients or cohort.split.validation"
        )
    return order[:PATIENTS]


def _strangers(sequences: Sequences, people: np.ndarray) -> Sequences:
    """The same records, each of `people` with the demographics of the one before, the first with those of the last."""
    age, sex = np.array(sequences.age), np.array(sequences.sex)
    age[people], sex[people] = age[np.roll(people, 1)], sex[np.roll(people, 1)]
    return replace(sequences, age=age, sex=sex)


def _collated(sequences: Sequences, people: np.ndarray, recipe: Recipe) -> list[Batch]:
    """`people` with the inputs and the batch size of training; a corrupted record lacks the same codes each time."""
    rng = np.random.default_rng(SEED)
    planned = plan((np.diff(sequences.offsets) - 1)[people], recipe.train.batch_tokens, None)
    inputs = recipe.model.encoder_input, recipe.model.corruption
    return [collate(sequences, people[rows], *inputs, rng) for rows in planned]


def _beforehand(
    name: str,
    objective: Objective,
    training: Sequences,
    validation: Sequences,
    people: np.ndarray,
    hierarchy: str,
) -> dict[str, float | None]:
    """Chance, probe accuracy and majority: what does not change with the model."""
    if name not in LABELLED:
        chance = _of_symbols(training, hierarchy) if name == "lm" else None
        return {"chance": chance, "probe_accuracy": None, "majority": None}
    asked = (np.diff(validation.offsets) - 1)[people] if objective is lm_and_heads.age else np.ones(len(people))
    label = np.bincount(ceiling.labels(validation, name)[people], weights=asked)
    guessed = ceiling.guessed(training, validation, name)[people]
    return {
        "chance": _entropy(label),
        "probe_accuracy": float(np.average(guessed, weights=asked)),
        "majority": float(label.max() / label.sum()),
    }


def _of_symbols(training: Sequences, hierarchy: str) -> float:
    """Nats per symbol of who knows frequencies alone: of categories, where the model may not tell their codes apart."""
    symbols = training.tokens[training.tokens >= FIRST_SYMBOL] - FIRST_SYMBOL
    if hierarchy != "category":
        return _entropy(np.bincount(symbols))
    of_class = training.vocabulary.symbol_class[symbols]
    return _entropy(np.bincount(of_class)) + float(np.log(training.vocabulary.class_size[of_class]).mean())


def _entropy(counts: Num[np.ndarray, " K"]) -> float:
    """Nats, of the distribution in proportion to `counts`."""
    return float(entr(counts / counts.sum()).sum())
