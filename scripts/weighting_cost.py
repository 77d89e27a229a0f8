"""What each weighting scheme, and measuring gradients, costs a training step: ratios to fixed weights, in one process.

    python -m scripts.weighting_cost [ROUNDS]

The default model, losses and threads of params.yaml, on as many simulated training patients as by default. All schemes
take the same steps in turn and their CPU time is counted, so that other work on the machine weighs little; each ratio
is the median over the rounds (default 40). About 2 minutes.
"""

import sys
import time
from pathlib import Path
from statistics import median, quantiles

import numpy as np

from ehrgen.data import cooccurrence, simulator
from ehrgen.data.sequences import Sequences
from ehrgen.data.vocabulary import Vocabulary
from ehrgen.learning import machine
from ehrgen.learning.batches import Batch, batches
from ehrgen.learning.history import Epoch
from ehrgen.learning.settings import LossSettings, ModelSettings, Recipe, TrainSettings
from ehrgen.learning.training import MEASURE_EVERY, Learner
from ehrgen.learning.weighting import SCHEMES
from ehrgen.params import load_yaml, section

PATIENTS, WARM_UP = 5800, 3
MEASURED = "fixed, gradients measured"


def learners() -> tuple[dict[str, Learner], list[Batch]]:
    """A learner a scheme, and the steps all of them take."""
    where, content = "params.yaml", load_yaml(Path("params.yaml"))
    model, loss, train = (
        section(content, name, schema, where)
        for name, schema in (("model", ModelSettings), ("loss", LossSettings), ("train", TrainSettings))
    )
    rng = np.random.default_rng(0)
    cohort = simulator.load(Path("ehrgen/data/simulator.npz")).sample(PATIENTS, rng)
    cohort = cohort.with_split({"train": 0.91, "validation": 0.09}, rng)
    sequences = Sequences.from_cohort(cohort, Vocabulary.from_codes(cohort.diagnoses["code"]), 192)
    matrices = cooccurrence.count(sequences.of_split("train"))
    made = {}
    for name in SCHEMES:
        recipe = Recipe(model, loss.model_copy(update={"weighting": name}), train, 0)
        made[name] = Learner(recipe, sequences, matrices, machine.for_recipe(recipe))
        made[name].model.train()
    steps = list(batches(sequences.of_split("train").shuffled(rng), train.batch_tokens, rng=rng))
    return made, steps


def seconds(learner: Learner, number: int, batch: Batch, measure: bool) -> float:
    """CPU time of one step of training."""
    learner._measures = lambda step: measure
    start = time.process_time()
    learner.step(number, batch.to(learner.machine.device), Epoch())
    return time.process_time() - start


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    made, steps = learners()
    cases = {MEASURED: made["fixed"], **made}
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(WARM_UP + rounds):
        for name, learner in cases.items():
            spent = seconds(learner, number % len(steps), steps[number % len(steps)], name == MEASURED)
            if number >= WARM_UP:
                taken[name].append(spent)
    print(f"{rounds} rounds; fixed weights, nothing measured: {1000 * median(taken['fixed']):.0f} ms a step")
    for name in cases:
        ratios = [one / base for one, base in zip(taken[name], taken["fixed"], strict=True)]
        low, middle, high = quantiles(ratios, n=4)
        print(f"{name:28} {middle:.2f} x (quartiles {low:.2f} to {high:.2f})")
    extra = median(a / b for a, b in zip(taken[MEASURED], taken["fixed"], strict=True)) - 1
    share = -(-len(steps) // MEASURE_EVERY) / len(steps)
    print(f"measured are {share:.1%} of the {len(steps)} steps of an epoch here: {extra * share:.1%} more time")
    print(
        f"in long epochs {1 / MEASURE_EVERY:.1%}: {extra / MEASURE_EVERY:.1%} more time; uncertainty and dwa pay it too"
    )


if __name__ == "__main__":
    main()
