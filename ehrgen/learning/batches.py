"""Steps of about a budget of tokens, collated without a loop over patients.

Axes: B patients, T decoder inputs (padded), E encoder inputs (padded), N real positions of the batch,
J pairs (position, code already in its visit).
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ehrgen.data.cohort import age_bracket
from ehrgen.data.sequences.sequences import Sequences
from ehrgen.data.sequences.vocabulary import BOS, FIRST_CODE, FIRST_SYMBOL, PAD


@dataclass(frozen=True)
class Batch:
    """Patients as tensors. The flat axis N lists real positions patient by patient, in order."""

    inputs: Int[Tensor, "B T"]
    real: Bool[Tensor, "B T"]
    encoder: Int[Tensor, "B E"]
    age: Float[Tensor, " B"]
    sex: Int[Tensor, " B"]
    bracket: Int[Tensor, " B"]
    target: Int[Tensor, " N"]
    """Symbol (token - 2) to be predicted at each position."""
    patient: Int[Tensor, " N"]
    reads_code: Bool[Tensor, " N"]
    """Whether the position's input is a code, not a special token."""
    opens_visit: Bool[Tensor, " N"]
    """Whether no code of the visit has been given yet, so that it may not end here."""
    used_at: Int[Tensor, " J"]
    used_symbol: Int[Tensor, " J"]
    """Position and symbol of every code that the position's visit already holds."""
    weight: float
    """Real positions of this batch over the mean of all steps: makes tokens count equally."""

    def to(self, device: torch.device) -> Self:
        """The same batch on another device."""
        moved = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "weight"}
        return replace(self, **{name: tensor.to(device) for name, tensor in moved.items()})

    def part(self, start: int, stop: int) -> Self:
        """The patients from `start` up to, not including, `stop`; the weight stays that of the whole."""
        edges = torch.stack([self.real[:start].sum(), self.real[:stop].sum()])
        first, past = edges.tolist()
        used = slice(*torch.searchsorted(self.used_at, edges).tolist())
        flat = ("target", "patient", "reads_code", "opens_visit")
        cut = {name: getattr(self, name)[first:past] for name in flat}
        cut |= {
            name: getattr(self, name)[start:stop] for name in ("inputs", "real", "encoder", "age", "sex", "bracket")
        }
        cut |= {"used_at": self.used_at[used] - first, "used_symbol": self.used_symbol[used]}
        return replace(self, **cut | {"patient": cut["patient"] - start})


def steps(sequences: Sequences, budget: int) -> int:
    """Optimiser steps of an epoch, at `budget` tokens each."""
    return len(plan(np.diff(sequences.offsets) - 1, budget, None))


def plan(lengths: np.ndarray, budget: int, rng: np.random.Generator | None) -> list[np.ndarray]:
    """Rows of each optimiser step, about `budget` tokens a step.

    Steps are random draws of all lengths: a step of short histories alone would pull the model, and whatever
    normalises its gradient, towards ending early, and the next step back. With `rng` patients are mixed anew; the
    number of steps depends on `lengths` and `budget` alone. A step has room for the longest history at least, so that
    none is empty.
    """
    order = rng.permutation(len(lengths)) if rng is not None else np.arange(len(lengths))
    steps = max(1, min(round(lengths.sum() / budget), int(lengths.sum() // lengths.max())))
    step = np.minimum((np.cumsum(lengths[order]) - 1) * steps // lengths.sum(), steps - 1)
    return np.split(order, np.searchsorted(step, np.arange(1, steps)))


def similar(lengths: np.ndarray) -> list[np.ndarray]:
    """Indices by length, cut where a length exceeds twice the shortest of its group: little to pad.

    Example:
        >>> [group.tolist() for group in similar(np.array([30, 3, 31, 9, 4]))]
        [[1, 4, 3], [0, 2]]
    """
    order = np.argsort(lengths, kind="stable")
    sizes, cuts, start = lengths[order], [], 0
    while (stop := int(np.searchsorted(sizes, 2 * sizes[start] + 4, "right"))) < len(order):
        cuts.append(stop)
        start = stop
    return np.split(order, cuts)


def batches(
    sequences: Sequences,
    budget: int,
    encoder_input: str = "prompt",
    corruption: float = 0.0,
    rng: np.random.Generator | None = None,
) -> Iterator[Batch]:
    """All patients, a batch an optimiser step.

    A batch's weight is its tokens over the mean tokens of a step, so that tokens, not steps, count equally.
    """
    lengths = np.diff(sequences.offsets) - 1
    planned = plan(lengths, budget, rng)
    mean = lengths.sum() / len(planned)
    for rows in planned:
        yield collate(sequences, rows, encoder_input, corruption, rng, float(lengths[rows].sum() / mean))


def collate(
    sequences: Sequences,
    rows: np.ndarray,
    encoder_input: str,
    corruption: float,
    rng: np.random.Generator | None,
    weight: float = 1.0,
) -> Batch:
    """These rows as one batch."""
    tokens, real = padded(sequences, rows)
    inputs, real = tokens[:, :-1], real[:, 1:]
    flat = inputs[real]
    reads_code = flat >= FIRST_CODE
    used_at, used_symbol = already_in_visit(flat)
    arrays = {
        "inputs": np.where(real, inputs, PAD),
        "real": real,
        "encoder": _encoder_tokens(tokens, encoder_input, corruption, rng),
        "age": np.asarray(sequences.age)[rows].astype(np.float32),
        "sex": np.asarray(sequences.sex)[rows].astype(np.int64),
        "bracket": age_bracket(np.asarray(sequences.age)[rows]).astype(np.int64),
        "target": tokens[:, 1:][real] - FIRST_SYMBOL,
        "patient": np.nonzero(real)[0],
        "reads_code": reads_code,
        "opens_visit": ~reads_code,
        "used_at": used_at,
        "used_symbol": used_symbol,
    }
    return Batch(**{name: torch.from_numpy(array) for name, array in arrays.items()}, weight=weight)


def padded(sequences: Sequences, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tokens of these rows, [rows, longest], and which are real."""
    start = np.asarray(sequences.offsets)[rows]
    length = np.asarray(sequences.offsets)[rows + 1] - start
    column = np.arange(length.max())
    real = column < length[:, None]
    tokens = np.asarray(sequences.tokens)[np.where(real, start[:, None] + column, 0)].astype(np.int64)
    return np.where(real, tokens, PAD), real


def already_in_visit(inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(position, symbol) of every code that the visit open at a position holds, that position's input included.

    `inputs` is flat, patients one after the other; `<bos>` and `<visit>` open visits.

    Example:
        >>> from ehrgen.data.sequences.vocabulary import VISIT
        >>> at, symbol = already_in_visit(np.array([BOS, 7, 9, VISIT, 8]))
        >>> list(zip(at.tolist(), symbol.tolist()))
        [(1, 5), (2, 5), (2, 7), (4, 6)]
    """
    index = np.arange(len(inputs))
    opened = np.maximum.accumulate(np.where(inputs < FIRST_CODE, index, 0))
    held = index - opened
    at = np.repeat(index, held)
    nth = np.arange(held.sum()) - np.repeat(np.cumsum(held) - held, held)
    return at, inputs[np.repeat(opened, held) + 1 + nth] - FIRST_SYMBOL


def _encoder_tokens(
    tokens: np.ndarray, encoder_input: str, corruption: float, rng: np.random.Generator | None
) -> np.ndarray:
    """`<bos>` alone, or followed by the record, whole or with a share of its codes deleted."""
    if encoder_input == "prompt":
        return np.full((len(tokens), 1), BOS, dtype=np.int64)
    if encoder_input == "record":
        return tokens
    if rng is None:
        raise ValueError("a corrupted record needs a random generator")
    keep = (tokens < FIRST_CODE) | (rng.random(tokens.shape) >= corruption)
    keep &= tokens != PAD
    order = np.argsort(~keep, axis=1, kind="stable")
    kept = np.where(np.take_along_axis(keep, order, 1), np.take_along_axis(tokens, order, 1), PAD)
    return kept[:, : keep.sum(axis=1).max()]
