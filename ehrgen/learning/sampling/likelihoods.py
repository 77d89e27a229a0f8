"""How likely a model finds real patients: a table, one row a patient, of training patients and of held-out ones.

patient_id      int64    of the cohort
split           string   train or heldout
log_likelihood  float64  nats, below 0: log P(the whole history | sex, age), ends of visits and of the history included
codes           int32    codes of the history that were scored, at least 1

The model gets what it gets while sampling: `<bos>` in the encoder, demographics and the ban on repeats only if the
sampler uses them. Greedy choice, temperature, nucleus and rule edits are not applied: they are of the sampler, and
forbid most real patients altogether.

A visit is a set, a model writes it in an order: one order is scored, that of training (where training shuffles, one
drawn by seed). A set can be written in other orders too, so this is a lower bound on its log-likelihood; a model
trained on shuffled codes pays up to log(n!) nats for the order of n codes, one trained on a fixed order next to
nothing. Compare models of one `train.order`.

Codes that training never saw have no probability under any model; they are left out, of the visit and of `codes`,
and so are patients with no other code. Histories end where those of training end.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from numpy import ndarray

from ehrgen.core.files import replacing
from ehrgen.data.cohort import Cohort
from ehrgen.data.sequences.sequences import Sequences
from ehrgen.data.sequences.vocabulary import FIRST_CODE
from ehrgen.learning.batches import collate, plan, similar
from ehrgen.learning.machine import processes
from ehrgen.learning.machine.device import Machine
from ehrgen.learning.model.prompt_bart import PromptBart, forbidden
from ehrgen.learning.settings import SamplingSettings

SPLITS = ("train", "heldout")
TOKENS = 8192
"""Scored at a time; at 10,000 classes their log-probabilities take 330 MB."""


def score_cohort(
    model: PromptBart, cohort: Cohort, settings: SamplingSettings, order: str, seed: int, machine: Machine
) -> pd.DataFrame:
    """The table of the module's docstring: up to `settings.patients` of each split, drawn by seed.

    Args:
        order: That of `train.order`.

    Raises:
        CohortError: If a split has no patient.
    """
    rng = np.random.default_rng([settings.seed, seed, 1])
    model = model.placed(machine).eval()
    parts = []
    for split in SPLITS:
        people = _known(cohort.of_split(split), model)
        people = people.sample(min(settings.patients, len(people)), rng)
        sequences = Sequences.from_cohort(people, model.vocabulary, model.max_tokens)
        part = pd.DataFrame({"patient_id": people.patients["patient_id"], "split": split})
        part["log_likelihood"] = log_likelihood(model, _ordered(sequences, order, rng), settings, machine)
        part["codes"] = np.add.reduceat(sequences.tokens >= FIRST_CODE, sequences.offsets[:-1], dtype=np.int32)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


@torch.inference_mode()
def log_likelihood(
    model: PromptBart, sequences: Sequences, settings: SamplingSettings, machine: Machine
) -> Float[ndarray, " P"]:
    """log P(history) of each patient in nats, codes in the order given; `model` is on `machine` and evaluates.

    Several processes take turns.
    """
    nats = np.zeros(len(sequences))
    lengths = np.diff(sequences.offsets) - 1
    groups = [step[group] for step in plan(lengths, TOKENS, None) for group in similar(lengths[step])]
    for rows in groups[processes.number() :: processes.count()]:
        batch = collate(sequences, rows, "prompt", 0.0, None).to(machine.device)
        age, sex = (batch.age, batch.sex) if settings.demographics else (None, None)
        with machine.autocast():
            encoded = model.encode(batch.encoder, age, sex)
            states = model.decode(batch.inputs, age, sex, encoded, use_cache=False)
            states = states[:, states.shape[1] - batch.inputs.shape[1] :][batch.real]
            of_patient = model.readout.patients(age, sex)
            of_patient = None if of_patient is None else of_patient[batch.patient]
            states = model.readout(states, of_patient, batch.used_at, batch.used_symbol)
            log_prob, _ = model.distribution.target(
                states, batch.target, forbidden(batch, settings.no_repeats), model.direct_at(batch, age, sex)
            )
        total = torch.zeros(len(rows), dtype=torch.float64, device=machine.device)
        nats[rows] = total.index_add(0, batch.patient, log_prob.double()).cpu().numpy()
    return processes.summed(torch.from_numpy(nats).to(machine.device)).cpu().numpy()


def save_likelihoods(scores: pd.DataFrame, path: Path) -> None:
    """Write the table as parquet."""
    with replacing(path) as temporary:
        scores.to_parquet(temporary, index=False)


def _known(cohort: Cohort, model: PromptBart) -> Cohort:
    """The patients with at least one code of the model's vocabulary."""
    token = model.vocabulary.encode(cohort.diagnoses["code"])
    return cohort.take(cohort.diagnoses.loc[token >= FIRST_CODE, "patient_id"].unique())


def _ordered(sequences: Sequences, order: str, rng: np.random.Generator) -> Sequences:
    """Codes within visits as a training of that order meets them."""
    if order == "shuffled":
        return sequences.shuffled(rng)
    return sequences.by_frequency() if order == "frequency" else sequences
