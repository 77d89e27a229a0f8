"""Real tokens a second of training, against a plain transformers loop with shuffled padded batches of 16 in fp32.

    python -m benchmarks.training [--size default|large] [--rounds 15]

Same simulated patients, same BART dimensions, both language model alone; beside them the default objectives. One CPU
thread, contenders in turn (see `measure`). The plain loop gives demographics as two tokens and scores a softmax over
all tokens; ours the factored distribution with the ban on repeats. Where `precision: auto` would choose bf16 for the
size, ours is measured in both. FLOP are those of matrix products, forward and
backward, as torch counts them; the peak is a product of 1,024 x 1,024 matrices measured in the same rounds.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import measure
from benchmarks.reference import Loop
from ehrgen.core.params import load_yaml, section
from ehrgen.data.sequences import cooccurrence
from ehrgen.data.sequences.sequences import Sequences
from ehrgen.data.sequences.vocabulary import Vocabulary
from ehrgen.data.simulation import simulator
from ehrgen.learning.batches import Batch, batches
from ehrgen.learning.machine.device import machine_for, prepare_machine
from ehrgen.learning.settings import LossSettings, ModelSettings, Recipe, TrainSettings
from ehrgen.learning.training.history import Epoch
from ehrgen.learning.training.loop import Learner

SIZES = {"default": {}, "large": {"d_model": 256, "layers": 6, "heads": 4, "feed_forward": 1024}}
LM_ONLY = {"age": 0, "sex": 0, "cooccur": 0}
PATIENTS, SHARES = 5800, {"train": 0.91, "validation": 0.09}
Changes = dict[str, object]
PLAIN, PEAK = "plain transformers loop, batches of 16", "matrix product"
OURS, DEFAULT = "ehrgen, language model alone", "ehrgen, default objectives"


def patients(number: int | None = None) -> Sequences:
    """Simulated patients; if not told how many, about as many training patients as by default."""
    rng = np.random.default_rng(0)
    drawn = simulator.load(Path("ehrgen/data/simulation/simulator.npz")).sample(number or PATIENTS, rng)
    cohort = drawn.with_split(SHARES, rng)
    return Sequences.from_cohort(cohort, Vocabulary.from_codes(cohort.diagnoses["code"]), 192)


def learner(sequences: Sequences, model: Changes, loss: Changes, **train: object) -> Learner:
    """A learner with the settings of params.yaml but for these, ready to take steps; untold in fp32 on one thread."""
    content = load_yaml(Path("params.yaml"))
    plain = {"precision": "fp32", "device": "cpu", "threads": 1}
    changes = {"model": model, "loss": loss, "train": plain | train}
    content |= {name: content[name] | own for name, own in changes.items()}
    parts = [
        section(content, name, schema, "params.yaml")
        for name, schema in (("model", ModelSettings), ("loss", LossSettings), ("train", TrainSettings))
    ]
    recipe = Recipe(*parts, 0)
    made = Learner(recipe, sequences, cooccurrence.count(sequences.of_split("train")), machine_for(recipe))
    made.model.train()
    return made


class Ours:
    """Steps of our training loop, gradient measurement at its usual pace included."""

    def __init__(self, own: Learner) -> None:
        self.learner, self.number = own, 0
        rng = np.random.default_rng(1)
        self.steps: list[Batch] = list(batches(own.training.shuffled(rng), own.recipe.train.batch_tokens, rng=rng))

    def __call__(self, _: int) -> float:
        batch = self.steps[self.number % len(self.steps)]
        self.learner.step(self.number, batch, Epoch())
        self.number += 1
        return float(len(batch.target))


class Plain:
    """As many batches of 16 as make up one of our steps in tokens."""

    def __init__(self, loop: Loop, tokens: int) -> None:
        self.loop, self.tokens = loop, tokens
        self.rows = loop.shuffled(np.random.default_rng(1))

    def __call__(self, _: int) -> float:
        seen = 0
        while seen < self.tokens:
            seen += self.loop.step(next(self.rows))
        return float(seen)


def flop_a_token(contender: measure.Contender) -> float:
    """FLOP of matrix products a real token, in a step that measures no gradients: the first one does."""
    contender(0)
    with FlopCounterMode(display=False) as counter:
        tokens = contender(0)
    return counter.get_total_flops() / tokens


def contenders(name: str) -> dict[str, measure.Contender]:
    """Who trains on the same patients at a size of SIZES, the plain loop first."""
    sequences, size = patients(), SIZES[name]
    lm, multitask = learner(sequences, size, LM_ONLY), learner(sequences, size, {})
    settings = lm.recipe.train
    torch.manual_seed(0)
    loop = Loop(lm.model.bart.config, sequences.of_split("train"), settings.learning_rate, settings.clip)
    own: dict[str, measure.Contender] = {PLAIN: Plain(loop, settings.batch_tokens), OURS: Ours(lm)}
    if prepare_machine("cpu", "auto", 1, lm.recipe.model.d_model).bf16:
        own[f"{OURS}, bf16"] = Ours(learner(sequences, size, LM_ONLY, precision="bf16"))
    return own | {DEFAULT: Ours(multitask)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="default", choices=SIZES)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    own = contenders(arguments.size)
    work = {name: flop_a_token(contender) for name, contender in own.items()}
    rates = measure.in_turn({PEAK: measure.multiply(), **own}, arguments.rounds)
    table = measure.against(rates, PLAIN)
    peak = max(rates[PEAK])
    for name, flop in work.items():
        table[name] |= {"flop_a_token": flop, "share_of_peak": flop * table[name]["rate"] / peak}
        print(f"{name:40} {table[name]['rate']:8.0f} tokens/s, {table[name]['ratio']:.2f} x", end=" ")
        print(f"({table[name]['low']:.2f} to {table[name]['high']:.2f}), {table[name]['share_of_peak']:.0%} of peak")
    del table[PEAK]
    best = max(row["ratio"] for name, row in table.items() if name.startswith(OURS))
    content = {"unit": "tokens/s", "size": SIZES[arguments.size], "peak_flop_s": peak, "rounds": arguments.rounds}
    goals = [measure.goal_at_least("language model alone against the plain loop", best, 4, "x")]
    measure.save(f"training_{arguments.size}", {**content, "of": table, "goals": goals})


if __name__ == "__main__":
    main()
