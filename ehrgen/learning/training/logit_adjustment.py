"""Offsets of rare categories and codes, fitted to the validation split once the network has learned.

Training patients teach what is rare by heart: it comes in them as often as it should, and in others too rarely. So the
trained network is held, and one number for all categories that are about equally rare is added to their logits, and
one for all such codes within their category. Each is the likeliest for the validation patients under a normal prior
around 0, so that few of them move little. Ends of visits and histories stay as likely as they were, on average. The
offsets become part of the output's biases: they are saved with the model, and whatever reads the model reads them.

Axes: N positions, R choices (a position and what could be chosen there), I items (categories or codes), G groups.

Source:
    Offsets by frequency: Menon et al. (2021), Long-tail learning via logit adjustment, whose offsets are the log
    frequency itself, for balanced classes; here they are fitted, for calibrated ones.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray

from ehrgen.data.sequences.sequences import Sequences
from ehrgen.data.sequences.vocabulary import FIRST_CODE, FIRST_SYMBOL, SPECIAL_CLASSES
from ehrgen.learning.batches import batches
from ehrgen.learning.machine.device import Machine
from ehrgen.learning.model.prompt_bart import PromptBart

PRIOR = 0.25
"""Standard deviation of the offset of what one training patient has. Of what n have it is less by the root of n, as
the sampling error of a log frequency is: the more patients, the less there is to learn by heart."""
TOKENS = 1024
"""Positions looked at at a time."""
STEPS, CONVERGED = 50, 1e-9


@dataclass(frozen=True)
class Groups:
    """Items that are about equally rare: that 1, 2 to 3, 4 to 7, ... training patients have."""

    of_item: Int[ndarray, " I"]
    """From 1; 0 for what is no code, whose offset is 0."""

    @classmethod
    def of(cls, patient: Int[ndarray, " C"], item: Int[ndarray, " C"], items: int) -> "Groups":
        """By how many different patients have each item."""
        held = np.unique(np.stack([patient, item]), axis=1)[1]
        patients = np.bincount(held, minlength=items)
        group = 1 + np.floor(np.log2(np.maximum(patients, 1))).astype(np.int64)
        group[:SPECIAL_CLASSES] = 0
        return cls(group)

    def __len__(self) -> int:
        return int(self.of_item.max()) + 1


def adjust(model: PromptBart, training: Sequences, validation: Sequences, forbid_used: bool, machine: Machine) -> None:
    """Add the offsets to the biases of the model's output; it is then in evaluation mode."""
    token = np.asarray(training.tokens)
    code = token >= FIRST_CODE
    patient = np.repeat(np.arange(len(training)), np.diff(training.offsets))[code]
    symbol = token[code].astype(np.int64) - FIRST_SYMBOL
    biases = model.distribution.biases()
    groups = [Groups.of(patient, of_symbol.cpu().numpy()[symbol], len(bias)) for bias, of_symbol in biases]
    masses = _masses(model.eval(), validation, groups, forbid_used, machine)
    with torch.no_grad():
        for (bias, _), group, (mass, chosen) in zip(biases, groups, masses, strict=True):
            bias += torch.from_numpy(offsets(mass, chosen)[group.of_item]).to(bias)


def offsets(mass: Float[ndarray, "N G"], chosen: Int[ndarray, " N"]) -> Float[ndarray, " G"]:
    """The likeliest offset of each group, less what they give all codes together.

    Args:
        mass: Probability of each group at each position; rows sum to 1.
        chosen: The group of what came.

    Example:
        Group 1 comes in half of 4,000 places where a fifth was expected: an offset near log(4) makes it so.
        >>> found = offsets(np.tile([0.0, 0.2, 0.8], (4000, 1)), np.repeat([1, 2], 2000))
        >>> round(float(found[1] - found[2]), 1)
        1.4
    """
    found, expected = likeliest(mass, chosen), mass.sum(0)[1:]
    found[1:] -= np.log(expected @ np.exp(found[1:]) / expected.sum())
    return found


def likeliest(mass: Float[ndarray, "N G"], chosen: Int[ndarray, " N"]) -> Float[ndarray, " G"]:
    """The likeliest offsets under the prior, that of group 0 being 0; Newton's method on what is convex."""
    groups = mass.shape[1]
    came = np.bincount(chosen, minlength=groups)
    precision = 2.0 ** np.arange(groups - 1) / PRIOR**2
    found = np.zeros(groups)
    for _ in range(STEPS):
        share = mass * np.exp(found)
        share /= share.sum(1, keepdims=True)
        gradient = (share.sum(0) - came)[1:] + precision * found[1:]
        curvature = (np.diag(share.sum(0)) - share.T @ share)[1:, 1:] + np.diag(precision)
        step = np.linalg.solve(curvature, gradient)
        found[1:] -= np.clip(step, -1, 1)
        if np.abs(step).max() < CONVERGED:
            break
    return found


@torch.inference_mode()
def _masses(
    model: PromptBart, validation: Sequences, groups: list[Groups], forbid_used: bool, machine: Machine
) -> list[tuple[Float[ndarray, "N G"], Int[ndarray, " N"]]]:
    """For each bias the probability of each group, and which group came, wherever there was something to choose."""
    tables = [torch.from_numpy(group.of_item).to(machine.device) for group in groups]
    found: list[list[tuple[ndarray, ndarray]]] = [[] for _ in groups]
    for batch in batches(validation, TOKENS):
        with machine.autocast():
            choices = model.choices(batch.to(machine.device), forbid_used)
        for choice, table, size, parts in zip(choices, tables, map(len, groups), found, strict=True):
            positions = len(choice.chosen)
            mass = torch.zeros(positions * size, dtype=torch.float64, device=machine.device)
            mass = mass.index_add(0, choice.position * size + table[choice.item], choice.log_prob.double().exp())
            parts.append((mass.view(positions, size).cpu().numpy(), table[choice.chosen].cpu().numpy()))
    return [(np.concatenate([m for m, _ in parts]), np.concatenate([c for _, c in parts])) for parts in found]
