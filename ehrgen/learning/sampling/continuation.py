"""Given histories go on: what a trained model finds likely to come next, and visits drawn from it.

The model reads a history as in training, demographics included if its sampler uses them. Where a history is longer than
the model's window, its first visits are left out until there is room. A next visit is taken for granted, whether or not
the model would end the history; what is in it is the model's. Codes that training never saw are passed over. Sex and
age edits (`rule_edits`) are not applied: they would forbid what given patients have.

Axes: P patients, S symbols, J pairs (patient, symbol already in its open visit).
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from ehrgen.data.cohort import Cohort
from ehrgen.data.sequences.sequences import Sequences
from ehrgen.data.sequences.vocabulary import EOS, FIRST_CODE, FIRST_SYMBOL, VISIT
from ehrgen.learning.batches import collate, similar
from ehrgen.learning.machine.device import Machine
from ehrgen.learning.model.class_tree import Forbidden
from ehrgen.learning.model.context import Context
from ehrgen.learning.model.prompt_bart import PromptBart
from ehrgen.learning.sampling.sampler import draw
from ehrgen.learning.settings import SamplingSettings

ENDS = (VISIT - FIRST_SYMBOL, EOS - FIRST_SYMBOL)


class ContinuationError(ValueError):
    """Histories that cannot go on; the message says why."""


def next_visits(
    model: PromptBart, cohort: Cohort, visits: int, settings: SamplingSettings, seed: int, machine: Machine
) -> pd.DataFrame:
    """The visits that follow each history: patient_id, visit (counted on), position, code, log_likelihood.

    `log_likelihood` is that of the whole visit in nats, its end included, given all before it and that there is one:
    the same number for all its codes. After a visit that the model draws as the last, or that fills its window, a
    patient has no further one.

    Raises:
        ContinuationError: If no patient has a code that the model knows.
    """
    model = model.placed(machine).eval()
    generator = torch.Generator(machine.device).manual_seed(seed)
    sequences, patient_ids, last = histories(model, cohort)
    rows = []
    for ahead in range(1, visits + 1):
        opened = _appended(sequences, np.full(len(sequences), VISIT))
        sequences, tokens, nats, ended = _one_visit(model, opened, settings, generator, machine)
        for patient, (codes, own) in enumerate(zip(tokens, nats, strict=True)):
            place = {"patient_id": patient_ids[patient], "visit": last[patient] + ahead, "log_likelihood": own}
            rows += [place | {"position": at, "token": token} for at, token in enumerate(codes)]
        ended |= np.diff(sequences.offsets) >= model.max_tokens - 2
        if ended.all():
            break
        sequences, patient_ids, last = _taken(sequences, ~ended), patient_ids[~ended], last[~ended]
    found = pd.DataFrame(rows)
    found["code"] = model.vocabulary.decode(found["token"].to_numpy())
    return found[["patient_id", "visit", "position", "code", "log_likelihood"]].sort_values(
        ["patient_id", "visit", "position"], ignore_index=True
    )


def first_codes(
    model: PromptBart, cohort: Cohort, settings: SamplingSettings, machine: Machine
) -> tuple[Float[ndarray, "P V"], Int[ndarray, " P"]]:
    """P(code comes first in the next visit) for each code of the vocabulary, and the id of each patient.

    Where training shuffles the codes of a visit, the first one is any of them: this ranks what the visit may hold.
    """
    model = model.placed(machine).eval()
    sequences, patient_ids, _ = histories(model, cohort)
    opened = _appended(sequences, np.full(len(sequences), VISIT))
    log_prob = next_symbols(model, opened, settings, machine)[:, FIRST_CODE - FIRST_SYMBOL :]
    return log_prob.double().exp().cpu().numpy(), patient_ids


def histories(model: PromptBart, cohort: Cohort) -> tuple[Sequences, Int[ndarray, " P"], Int[ndarray, " P"]]:
    """The histories as tokens, open at their end, with each patient's id and the number of their last visit.

    Raises:
        ContinuationError: If no patient has a code that the model knows.
    """
    known = model.vocabulary.encode(cohort.diagnoses["code"]) >= FIRST_CODE
    if not known.any():
        raise ContinuationError("no given patient has a code that the model has seen in training")
    room = model.max_tokens // 2  # for what is to come
    rows = cohort.diagnoses[known]
    size = rows.groupby(["patient_id", "visit"]).size() + 1
    behind = size[::-1].groupby(level="patient_id").cumsum()[::-1]
    newest = behind.groupby(level="patient_id").transform("min") == behind
    kept = behind[(behind <= room) | newest].reset_index()[["patient_id", "visit"]]
    some = cohort.take(kept["patient_id"].unique())
    recent = type(some).from_rows(some.patients, rows.merge(kept, on=["patient_id", "visit"]))
    sequences = Sequences.from_cohort(recent, model.vocabulary, room)
    last = cohort.diagnoses.groupby("patient_id")["visit"].max()
    patient_ids = recent.patients["patient_id"].to_numpy()
    ends = sequences.offsets[1:] - 1
    opened = replace(
        sequences,
        tokens=np.delete(np.asarray(sequences.tokens), ends),
        offsets=sequences.offsets - np.arange(len(sequences.offsets)),
    )
    return opened, patient_ids, last.loc[patient_ids].to_numpy()


@torch.inference_mode()
def next_symbols(
    model: PromptBart, sequences: Sequences, settings: SamplingSettings, machine: Machine
) -> Float[Tensor, "P S"]:
    """Log-probability of every symbol after each open history, grammar applied; `model` is on `machine`."""
    closed = _appended(sequences, np.full(len(sequences), EOS))  # a target, which nothing reads
    found: list[Tensor] = []
    order: list[ndarray] = []
    lengths = np.diff(closed.offsets) - 1
    for group in similar(lengths):
        for start in range(0, len(group), settings.batch_patients):
            rows = group[start : start + settings.batch_patients]
            found.append(_of_batch(model, closed, rows, settings, machine))
            order.append(rows)
    return torch.cat(found)[torch.from_numpy(np.argsort(np.concatenate(order)))]


def _of_batch(
    model: PromptBart, sequences: Sequences, rows: ndarray, settings: SamplingSettings, machine: Machine
) -> Float[Tensor, "p S"]:
    batch = collate(sequences, rows, "prompt", 0.0, None).to(machine.device)
    age, sex = (batch.age, batch.sex) if settings.demographics else (None, None)
    last = batch.real.sum(1).cumsum(0) - 1
    place = torch.full((len(batch.patient),), -1, device=machine.device)
    place[last] = torch.arange(len(rows), device=machine.device)
    now = place[batch.used_at] >= 0
    used_at, used_symbol = place[batch.used_at][now], batch.used_symbol[now]
    direct = None
    if model.direct is not None:
        context = Context.of_batch(batch, model.direct.symbols, age, sex)
        direct = model.direct.at(_at(context, last, used_at, used_symbol))
    with machine.autocast():
        encoded = model.encode(batch.encoder, age, sex)
        states = model.decode(batch.inputs, age, sex, encoded, use_cache=False)
        states = states[:, states.shape[1] - batch.inputs.shape[1] :][batch.real][last]
        states = model.readout(states, model.readout.patients(age, sex), used_at, used_symbol)
        barred = slice(None) if settings.no_repeats else slice(0)
        forbidden = Forbidden(used_at[barred], used_symbol[barred], batch.opens_visit[last])
        return model.distribution.symbols(states, forbidden, direct)


def _at(
    context: Context, last: Int[Tensor, " P"], used_at: Int[Tensor, " J"], used_symbol: Int[Tensor, " J"]
) -> Context:
    """What is known at the last position of each patient alone."""
    here = {name: getattr(context, name)[last] for name in ("visit", "patient", "number", "has_past")}
    past = context.past if bool(here["has_past"].any()) else None
    return replace(context, used_at=used_at, used_symbol=used_symbol, past=past, **here)


def _one_visit(
    model: PromptBart, sequences: Sequences, settings: SamplingSettings, generator: torch.Generator, machine: Machine
) -> tuple[Sequences, list[list[int]], Float[ndarray, " P"], ndarray]:
    """The histories with one visit more, its tokens and log-likelihood, and whether it was drawn as the last one.

    A visit that fills the model's window ends there.
    """
    nats, ended = np.zeros(len(sequences)), np.zeros(len(sequences), dtype=bool)
    tokens: list[list[int]] = [[] for _ in range(len(sequences))]
    writing = np.arange(len(sequences))
    while len(writing):
        log_prob = next_symbols(model, _taken(sequences, writing), settings, machine)
        symbol = draw(log_prob, settings, generator)
        nats[writing] += log_prob.gather(1, symbol[:, None]).squeeze(1).double().cpu().numpy()
        drawn = symbol.cpu().numpy()
        going = ~np.isin(drawn, ENDS)
        ended[writing[drawn == ENDS[1]]] = True
        for patient, token in zip(writing[going], drawn[going] + FIRST_SYMBOL, strict=True):
            tokens[patient].append(int(token))
        more = np.full(len(sequences), -1)
        more[writing[going]] = drawn[going] + FIRST_SYMBOL
        sequences = _appended(sequences, more)
        room = np.diff(sequences.offsets) < model.max_tokens - 1
        writing = writing[going & room[writing]]
    return sequences, tokens, nats, ended


def _appended(sequences: Sequences, token: Int[ndarray, " P"]) -> Sequences:
    """Each patient's tokens with one more; -1 adds none."""
    adds = token >= 0
    tokens = np.insert(np.asarray(sequences.tokens), sequences.offsets[1:][adds], token[adds])
    return replace(sequences, tokens=tokens, offsets=sequences.offsets + np.append(0, np.cumsum(adds)))


def _taken(sequences: Sequences, rows: ndarray) -> Sequences:
    """Some of the patients."""
    length = np.diff(sequences.offsets)[rows]
    offsets = np.append(0, np.cumsum(length))
    source = np.repeat(sequences.offsets[:-1][rows] - offsets[:-1], length) + np.arange(offsets[-1])
    people = {name: np.asarray(getattr(sequences, name))[rows] for name in ("age", "sex", "split")}
    return replace(sequences, tokens=np.asarray(sequences.tokens)[source], offsets=offsets, **people)
