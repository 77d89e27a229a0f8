"""What each objective adds to an optimiser step over the language model alone, on this machine.

    python -m scripts.objective_cost [--variant NAME] [--rounds 20]

Patients are made up: 7,000 codes in 943 categories, the categories of a visit from a Zipf law, and one batch of about
4,096 tokens. Model size and forms are those of params.yaml. Every objective is timed in one process, in turn, so that
other work on the machine hits all alike. Printed are the fastest step over the fastest LM-only step, which is what
other work disturbs least, and the quartiles over rounds of the ratio to the LM-only step of the same round. On a CPU
seconds are those of the process, on a GPU those of the clock. A step is what training does: a batch of
about TOKENS tokens, forward, losses and backward, then clipping and AdamW. The model computes the logits of both
heads whatever is asked for, so their forward pass is in every step. What is done once before training (counting,
fitting the classifiers) is printed apart.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn.utils import clip_grad_norm_

from ehrgen.data import cooccurrence
from ehrgen.data.cohort import SPLITS
from ehrgen.data.sequences import Sequences
from ehrgen.data.vocabulary import BOS, EOS, FIRST_CODE, VISIT, Vocabulary
from ehrgen.learning import machine, objectives
from ehrgen.learning.batches import Batch, batches
from ehrgen.learning.model import PromptBart
from ehrgen.learning.objectives import Objective
from ehrgen.learning.settings import LossSettings, ModelSettings
from ehrgen.params import load_yaml, section

CODES, CATEGORIES, TOKENS = 7000, 943, 4096
PATIENTS, CODES_A_VISIT, VISITS = 5000, 9, 1.25  # MIMIC-III: 11 codes an admission, 1.26 admissions


def made_up(rng: np.random.Generator) -> Sequences:
    """Patients over a vocabulary of CODES codes, category and code drawn by Zipf laws."""
    numbered = [f"{number:03d}" for number in range(1, 1000)][:CATEGORIES]
    size = rng.multinomial(CODES - CATEGORIES, np.full(CATEGORIES, 1 / CATEGORIES)) + 1
    names = [f"{category}{digit:02d}" for category, n in zip(numbered, size, strict=True) for digit in range(n)]
    chance = 1 / (1 + rng.permutation(CODES))
    vocabulary = Vocabulary(tuple(names), tuple(np.ceil(chance * 1e5).astype(int).tolist()))
    parts = [_history(rng, chance / chance.sum()) for _ in range(PATIENTS)]
    return Sequences(
        vocabulary,
        tokens=np.concatenate(parts).astype(np.int32),
        offsets=np.cumsum([0, *map(len, parts)]),
        age=rng.uniform(0, 90, PATIENTS).astype(np.float32),
        sex=rng.integers(0, 2, PATIENTS).astype(np.int8),
        split=np.full(PATIENTS, SPLITS.index("train"), dtype=np.int8),
        report={},
    )


def _history(rng: np.random.Generator, chance: np.ndarray) -> np.ndarray:
    sizes = 1 + rng.poisson(CODES_A_VISIT, 1 + rng.poisson(VISITS - 1))
    visits = [np.append(VISIT, FIRST_CODE + np.unique(rng.choice(CODES, n, p=chance))) for n in sizes]
    return np.concatenate([[BOS], np.concatenate(visits)[1:], [EOS]])


class Stepper:
    """One model, its optimizer and the batch of one step, to be taken with any set of objectives."""

    def __init__(self, model: PromptBart, batch: Batch) -> None:
        self.model, self.batch = model.train(), batch
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
        on_gpu = next(model.parameters()).is_cuda
        self.clock = time.perf_counter if on_gpu else time.process_time

    def seconds(self, chosen: list[Objective]) -> float:
        """Time of one optimiser step with the sum of these objectives."""
        started = self.clock()
        self.optimizer.zero_grad(set_to_none=True)
        out = self.model(self.batch)
        (self.batch.weight * sum(objective(out, self.batch) for objective in chosen)).backward()
        float(clip_grad_norm_(self.model.parameters(), 1.0))  # waits for a GPU, as training does
        self.optimizer.step()
        return self.clock() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variant", default="multitask", help="whose model size is used")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    arguments = parser.parse_args()
    params = load_yaml(Path("params.yaml"))
    own = params["variants"][arguments.variant].get("model", {})
    size = section({"model": params["model"] | own}, "model", ModelSettings, "params.yaml")
    here = machine.prepare(arguments.device, "fp32", 1, 0)
    torch.manual_seed(0)
    sequences = made_up(np.random.default_rng(0))
    started = time.perf_counter()
    matrices = cooccurrence.count(sequences)
    print(f"pair counts {time.perf_counter() - started:.2f} s")
    table = {}
    for name, forms in objectives.FORMS.items():
        for form in forms:
            chosen = dict.fromkeys(objectives.NAMES, 0) | {name: 1} | ({f"{name}_form": form} if len(forms) > 1 else {})
            settings = LossSettings(**params["loss"] | chosen)
            started = time.perf_counter()
            table[f"{name} {form}"] = objectives.build(settings, sequences, matrices, here.device)[name]
            print(f"{name} {form}: built in {time.perf_counter() - started:.2f} s")
    longest = int(np.diff(sequences.offsets).max())
    step = next(batches(sequences, TOKENS, rng=np.random.default_rng(0)))
    model = PromptBart(size, sequences.vocabulary, longest, "codes").placed(here)
    report(Stepper(model, step.to(here.device)), table, arguments.rounds)


def report(stepper: Stepper, table: dict[str, Objective], rounds: int) -> None:
    """Print the added cost of each objective, in share of the LM-only step."""
    lm = table.pop("lm symbols")
    settings = stepper.model.settings
    positions, patients, pairs = (len(getattr(stepper.batch, name)) for name in ("target", "sex", "used_at"))
    print(f"{positions} positions, {patients} patients, {pairs} pairs (position, code held)")
    print(f"layers {settings.layers}, d {settings.d_model}, {CODES} codes, {CATEGORIES} categories")
    cells = {"lm again": [lm]} | {name: [lm, objective] for name, objective in table.items()}
    times = {name: [] for name in ["lm", *cells]}
    for number in range(rounds + 2):
        for name, chosen in [("lm", [lm]), *cells.items()]:
            seconds = stepper.seconds(chosen)
            if number >= 2:  # the first rounds fill caches
                times[name].append(seconds)
    base = np.array(times["lm"])
    print(f"LM alone: {base.min() * 1000:.0f} ms a step at the fastest, {np.median(base) * 1000:.0f} ms in the median")
    for name in cells:
        fastest = min(times[name]) / base.min() - 1
        low, middle, high = np.percentile(np.array(times[name]) / base - 1, [25, 50, 75])
        print(f"{name:24s} {fastest:+7.1%}  by round {middle:+.1%} ({low:+.1%} to {high:+.1%})")


if __name__ == "__main__":
    main()
