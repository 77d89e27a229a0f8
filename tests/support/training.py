"""A training small enough for tests: counts of a tiny cohort, a recipe, and a model of 16 dimensions.

Run as a program it trains into $EHRGEN_STORE and kills itself without warning at the step its argument names:
`python -m tests.support.training 7`.
"""

import os
import signal
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import BartConfig, BartModel

from ehrgen.data.sequences import cooccurrence
from ehrgen.data.sequences.cooccurrence import Cooccurrence, Space
from ehrgen.data.sequences.sequences import Sequences
from ehrgen.data.sequences.vocabulary import FIRST_CODE, FIRST_SYMBOL, SPECIAL_CLASSES, Vocabulary
from ehrgen.learning.batches import Batch, collate
from ehrgen.learning.machine.device import Machine, prepare_machine
from ehrgen.learning.model.output import Output
from ehrgen.learning.model.prompt_bart import PromptBart
from ehrgen.learning.objectives.table import FORMS, Objective, build_objectives
from ehrgen.learning.settings import LossSettings, ModelSettings, Recipe, SamplingSettings, TrainSettings
from ehrgen.learning.training import store
from ehrgen.learning.training.checkpoint import Checkpoint
from ehrgen.learning.training.history import Row
from ehrgen.learning.training.loop import Learner, train
from tests.support.cohorts import cohort
from tests.support.sequences import sequences_of, tiny

CPU = torch.device("cpu")
MODEL = {
    "pretrained": None,
    "layers": 1,
    "d_model": 16,
    "heads": 2,
    "feed_forward": 32,
    "dropout": 0.1,
    "prompt_width": 8,
    "prompt_encoder": True,
    "prompt_decoder": True,
    "prompt_output": True,
    "visit_output": True,
    "visit_code_output": True,
    "visit_output_std": 0.02,
    "held_output": True,
    "history_output": True,
    "length_output": True,
    "demographic_output": True,
    "encoder_input": "prompt",
    "corruption": 0.5,
    "hierarchy": "factored",
}
LOSS = {
    "lm": 1.0,
    "age": 0.1,
    "age_form": "states",
    "sex": 0.1,
    "sex_form": "states",
    "sex_pool": "codes",
    "cooccur": 0.05,
    "cooccur_form": "expected",
    "cooccur_threshold": 5,
    "age_matching": 0,
    "diversity": 0,
    "diversity_form": "unigram",
    "weighting": "fixed",
    "schedules": {},
}
TRAIN = {
    "epochs": 2,
    "batch_tokens": 256,
    "accumulation": 1,
    "learning_rate": 0.01,
    "warmup": 0.1,
    "weight_decay": 0.01,
    "code_prior": 0.3,
    "category_prior": 0.3,
    "table_rate": 1.0,
    "logit_adjustment": True,
    "clip": 1.0,
    "order": "shuffled",
    "mask_repeats": True,
    "precision": "fp32",
    "device": "cpu",
    "threads": 1,
}
SAMPLING = {
    "patients": 50,
    "samples": 1,
    "seed": 0,
    "demographics": True,
    "table": None,
    "greedy": False,
    "temperature": 1.0,
    "top_p": 1.0,
    "no_repeats": True,
    "rule_edits": False,
    "max_tokens": 32,
    "batch_patients": 40,
}


def recipe(seed: int = 0, **changes: Any) -> Recipe:
    """The tiny recipe with some settings changed, each key going to the section that knows it."""
    unknown = set(changes) - {*MODEL, *LOSS, *TRAIN}
    assert not unknown, unknown
    sections = [{name: changes.get(name, value) for name, value in part.items()} for part in (MODEL, LOSS, TRAIN)]
    model, loss, train = sections
    return Recipe(ModelSettings(**model), LossSettings(**loss), TrainSettings(**train), seed)


def sampling(**changes: Any) -> SamplingSettings:
    return SamplingSettings(**SAMPLING | changes)


@cache
def matrices() -> dict[Space, Cooccurrence]:
    return cooccurrence.count(tiny().of_split("train"))


@cache
def here() -> Machine:
    """One CPU thread in full precision, prepared as for a real run."""
    return prepare_machine("cpu", "fp32", 1, 16)


def untrained(seed: int = 0, vocabulary: Vocabulary | None = None, **changes: Any) -> PromptBart:
    """A model with random weights, in evaluation mode; histories drawn from it differ in length and in codes.

    Its weights are larger than at the start of a training, and so are the chances of ending a visit or a history.
    """
    here()
    torch.manual_seed(seed)
    settings = recipe(**changes)
    model = PromptBart(settings.model, vocabulary or tiny().vocabulary, 64, settings.loss.sex_pool)
    of_classes = model.distribution.logits if settings.model.hierarchy == "flat" else model.distribution.class_logits
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1 and name != "distribution.within_weight":
                parameter.mul_(4)
        if model.readout.prompt is not None:
            for last in (model.readout.prompt.age[-1], model.readout.prompt.sex[-1]):
                last.weight.normal_()
        of_classes.bias[:SPECIAL_CLASSES] += 4.5
    return model.placed(here()).eval()


def stirred(model: PromptBart, seed: int = 0) -> PromptBart:
    """The model with numbers at random in its direct output, whose every start is 0 before a training."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, values in model.named_parameters():
            if name.startswith("direct."):
                values.normal_(std=0.5, generator=generator)
        for name, values in model.named_buffers():
            if name in ("direct.class_group.start", "direct.symbol_group.start"):  # which do not learn
                values.normal_(std=0.5, generator=generator)
    return model


def bart_checkpoint(folder: Path, seed: int = 3, positions: int = 80, dtype: torch.dtype = torch.float32) -> BartModel:
    """A BART checkpoint on disk, larger than the tiny settings in every way."""
    torch.manual_seed(seed)
    config = BartConfig(
        vocab_size=40,
        max_position_embeddings=positions,
        d_model=24,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=40,
        decoder_ffn_dim=40,
    )
    bart = BartModel(config).to(dtype)
    bart.save_pretrained(folder)
    return bart


def trained(settings: Recipe, folder: Path) -> tuple[PromptBart, list[Row]]:
    """Model and history of a training on `tiny`; its checkpoint goes into that folder."""
    return train(settings, tiny(), matrices(), here(), Checkpoint(folder))


def batch_of(sequences: Sequences, rows: list[int] | None = None, encoder_input: str = "prompt") -> Batch:
    chosen = np.arange(len(sequences)) if rows is None else np.array(rows)
    return collate(sequences, chosen, encoder_input, 0.5, np.random.default_rng(0))


@cache
def by_hand() -> Sequences:
    """A woman of 70 with two visits and a man of 1 with one: codes 25000, 4010, 4019, 486 of categories 250, 401, 486.

    As a batch 6 + 2 positions, of which 0, 1, 2, 4 and 6 are followed by a code; 5 classes.
    """
    return sequences_of(cohort([["4019 4010 25000", "486"], ["486"]], sex="FM", age=[70.0, 1.0]))


def output(batch: Batch, **parts: torch.Tensor) -> Output:
    """An Output over the five classes of `by_hand`, 0 where nothing is given."""
    positions, patients = len(batch.target), len(batch.sex)
    nothing = {
        "target_log_prob": torch.zeros(positions),
        "class_log_prob": torch.zeros(positions, 5),
        "age_logits": torch.zeros(positions, 6),
        "sex_logits": torch.zeros(patients, 2),
    }
    return Output(**nothing | parts)


def expecting(batch: Batch, *shares: float) -> Output:
    """An Output that expects these shares of the three categories of `by_hand`, and 1/10 for each of the two ends."""
    probability = torch.tensor([0.1, 0.1, *(0.8 * share for share in shares)])
    return output(batch, class_log_prob=probability.log().expand(len(batch.target), -1))


def bound(name: str, form: str | None = None, sequences: Sequences | None = None, **changes: Any) -> Objective:
    """One objective with a weight, bound to the training split of `tiny`, or to all of `sequences`."""
    forms = {} if form is None or len(FORMS[name]) == 1 else {f"{name}_form": form}
    settings = recipe(**{name: 1.0} | forms | changes).loss
    if sequences is None:
        return build_objectives(settings, tiny().of_split("train"), matrices(), CPU)[name]
    return build_objectives(settings, sequences, cooccurrence.count(sequences), CPU)[name]


def weights(model: PromptBart) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    """Whether two sets of weights agree bit for bit."""
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def used_by_hand(inputs: list[int]) -> list[tuple[int, int]]:
    """`already_in_visit` as its docstring says it, in two loops."""
    held: list[int] = []
    pairs = []
    for at, token in enumerate(inputs):
        held = [] if token < FIRST_CODE else [*held, token - FIRST_SYMBOL]
        pairs += [(at, symbol) for symbol in held]
    return pairs


RESUMED = {"epochs": 3, "batch_tokens": 512}


def train_and_die(step: int) -> None:
    """Train the tiny recipe into the store; SIGKILL to this process just before that step."""
    take_step = Learner.step

    def fatal(learner: Learner, number: int, *rest: Any) -> None:
        if number == step:
            os.kill(os.getpid(), signal.SIGKILL)
        take_step(learner, number, *rest)

    Learner.step = fatal
    store.train_once("killed", recipe(**RESUMED), tiny(), matrices(), here())


if __name__ == "__main__":
    train_and_die(int(sys.argv[1]))
