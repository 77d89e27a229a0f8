"""What objectives, weighting schemes and attribution add to a training step of the language model alone.

    python -m benchmarks.steps objectives|schemes [--rounds 20] [--device cpu|cuda]

*objectives*: every form of every objective beside the language model, in steps of about 4,096 tokens over 7,000 codes
in 943 categories, the categories of a visit from a Zipf law; model size of params.yaml. A step is forward, losses,
backward, clipping and AdamW. The model computes the logits of both heads whatever is asked for, so their forward pass
is in every step.

*schemes*: all settings of params.yaml, on as many simulated training patients as by default: each way of weighting the
default objectives, and measuring their gradients. Attribution is that measurement, once in MEASURE_EVERY steps, and
the probes at the end of each epoch; its rows say what share of an epoch of the default objectives both add, and each.

In both the language model alone comes twice: what it costs against itself is the noise. Contenders take turns on the
same batches (see `measure`); on a GPU seconds are those of the clock.
"""

import argparse
import math
import time
from pathlib import Path
from statistics import quantiles

import numpy as np
import torch
from torch.nn.utils import clip_grad_norm_

from benchmarks import measure
from benchmarks.training import LM_ONLY, Ours, learner, patients
from ehrgen.core.params import load_yaml, section
from ehrgen.data.cohort import SPLITS
from ehrgen.data.sequences import cooccurrence
from ehrgen.data.sequences.sequences import Sequences
from ehrgen.data.sequences.vocabulary import BOS, EOS, FIRST_CODE, VISIT, Vocabulary
from ehrgen.learning.batches import Batch, batches
from ehrgen.learning.machine.device import prepare_machine
from ehrgen.learning.model.prompt_bart import PromptBart
from ehrgen.learning.objectives.table import FORMS, NAMES, Objective, build_objectives
from ehrgen.learning.settings import LossSettings, ModelSettings, TrainSettings
from ehrgen.learning.training.loop import MEASURE_EVERY, Learner
from ehrgen.learning.training.weighting import SCHEMES

CODES, CATEGORIES, TOKENS = 7000, 943, 4096
PATIENTS, CODES_A_VISIT, VISITS = 5000, 9, 1.25  # MIMIC-III: 11 codes an admission, 1.26 admissions
LM, AGAIN = "language model alone", "the same again"
DEFAULT, MEASURED = "default objectives, fixed weights", "default objectives, gradients measured"
PROBES = "probes"
ATTRIBUTION = "attribution, of an epoch of the default objectives"
GRADIENTS_PART, PROBES_PART = "of it, gradients", "of it, probes"
COOCCUR, SHARE = 25.0, 10.0
"""The goals, in % of a step: the default co-occurrence, and attribution."""


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

    def __init__(self, model: PromptBart, batch: Batch, settings: TrainSettings) -> None:
        self.model, self.batch, self.settings = model.train(), batch, settings
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def taking(self, *chosen: Objective) -> measure.Contender:
        """An optimiser step with the sum of these objectives."""

        def step(_: int) -> float:
            self.optimizer.zero_grad(set_to_none=True)
            out = self.model(self.batch, forbid_used=self.settings.mask_repeats)
            (self.batch.weight * sum(objective(out, self.batch) for objective in chosen)).backward()
            float(clip_grad_norm_(self.model.parameters(), self.settings.clip))  # waits for a GPU, as training does
            self.optimizer.step()
            return 1.0

        return step


def bound(loss: dict[str, object], sequences: Sequences, device: torch.device) -> dict[str, Objective]:
    """Every form of every objective, under `objective form`, with the other settings of `loss`."""
    matrices = cooccurrence.count(sequences)
    table = {}
    for name, forms in FORMS.items():
        for form in forms:
            only = dict.fromkeys(NAMES, 0) | {name: 1} | ({f"{name}_form": form} if len(forms) > 1 else {})
            settings = LossSettings(**loss | only)
            table[f"{name} {form}"] = build_objectives(settings, sequences, matrices, device)[name]
    return table


def of_objectives(rounds: int, device: str) -> dict[str, object]:
    """The added cost of every objective and form."""
    params = load_yaml(Path("params.yaml"))
    size = section(params, "model", ModelSettings, "params.yaml")
    settings = section(params, "train", TrainSettings, "params.yaml")
    here = prepare_machine(device, "fp32", 1, 0)
    torch.manual_seed(0)
    sequences = made_up(np.random.default_rng(0))
    table = bound(params["loss"], sequences, here.device)
    batch = next(batches(sequences, TOKENS, rng=np.random.default_rng(0))).to(here.device)
    longest = int(np.diff(sequences.offsets).max())
    stepper = Stepper(PromptBart(size, sequences.vocabulary, longest, "codes").placed(here), batch, settings)
    lm = table.pop("lm symbols")
    contenders = {LM: stepper.taking(lm), AGAIN: stepper.taking(lm)}
    contenders |= {name: stepper.taking(lm, objective) for name, objective in table.items()}
    clock = time.perf_counter if device == "cuda" else time.process_time
    rows = measure.added(measure.in_turn(contenders, rounds, clock), LM)
    default = f"cooccur {params['loss']['cooccur_form']}"
    goals = [measure.goal(f"{default} beside the language model", 100 * rows[default]["cost"], COOCCUR, "%")]
    return {"tokens": len(batch.target), "of": rows, "goals": goals}


class Steps(Ours):
    """One step after the other, with or without measuring gradients whatever the step's number."""

    def __init__(self, own: Learner, measured: bool = False) -> None:
        super().__init__(own)
        self.measured = measured

    def __call__(self, number: int) -> float:
        self.learner._measures = lambda step: self.measured
        super().__call__(number)
        return 1.0


def contenders(sequences: Sequences, model: dict[str, object]) -> dict[str, measure.Contender]:
    """All that *schemes* compares; the scheme `fixed` is DEFAULT."""
    alone, again = (learner(sequences, model, LM_ONLY) for _ in range(2))
    made = {name: learner(sequences, model, {"weighting": name}) for name in SCHEMES}
    default = made.pop("fixed")

    def probes(_: int) -> float:
        default.probes.measure(default.model)
        return 1.0

    measured = {DEFAULT: Steps(default), MEASURED: Steps(default, measured=True), PROBES: probes}
    return {LM: Steps(alone), AGAIN: Steps(again)} | measured | {name: Steps(one) for name, one in made.items()}


def attribution(rates: dict[str, list[float]], steps: int) -> dict[str, dict[str, float]]:
    """What attribution and its two parts add to an epoch of `steps` steps of the default objectives: quartiles.

    Args:
        rates: Of DEFAULT and MEASURED steps, and of PROBES, a second.
    """
    plain, measured, probes = (1 / np.array(rates[name]) for name in (DEFAULT, MEASURED, PROBES))
    gradients = math.ceil(steps / MEASURE_EVERY) * (measured - plain)
    parts = {ATTRIBUTION: gradients + probes, GRADIENTS_PART: gradients, PROBES_PART: probes}
    rows = {}
    for name, seconds in parts.items():
        low, middle, high = quantiles((seconds / (steps * plain)).tolist(), n=4)
        rows[name] = {"cost": middle, "low": low, "high": high}
    return rows


def of_schemes(rounds: int) -> dict[str, object]:
    """The added cost of every weighting scheme and of attribution."""
    made = contenders(patients(), {})
    steps = made[DEFAULT].learner.steps_per_epoch
    rates = measure.in_turn(made, rounds)
    rows = measure.added(rates, LM)
    del rows[PROBES]
    rows |= attribution(rates, steps)
    goals = [measure.goal("attribution at default settings", 100 * rows[ATTRIBUTION]["cost"], SHARE, "%")]
    return {"steps_an_epoch": steps, "of": rows, "goals": goals}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["objectives", "schemes"])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"], help="of objectives")
    asked = parser.parse_args()
    found = of_objectives(asked.rounds, asked.device) if asked.what == "objectives" else of_schemes(asked.rounds)
    for name, row in found["of"].items():
        print(f"{name:52} {row['cost']:+7.1%} ({row['low']:+.1%} to {row['high']:+.1%})")
    name = f"steps_{asked.what}" + ("_cuda" if asked.device == "cuda" else "")
    measure.save(name, {"rounds": asked.rounds, **found})


if __name__ == "__main__":
    main()
