"""Patients sampled a second, against transformers' `generate` at batch 256 with the same weights and settings.

    python -m benchmarks.sampling [--rounds 9]

A model of the default size, trained for one epoch on simulated patients, whose output both can read: one softmax over
all codes, demographics in the encoder. Neither lets a visit be empty or a code come twice in it. Greedy histories
must agree token by token before anything is timed. One CPU thread, contenders in turn (see `measure`).
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks import measure
from benchmarks.reference import Generator
from benchmarks.training import LM_ONLY, learner, patients
from ehrgen.core.params import load_yaml, section
from ehrgen.data.cohort import SEXES
from ehrgen.learning.machine.device import Machine
from ehrgen.learning.model.prompt_bart import PromptBart
from ehrgen.learning.sampling.sampler import write_histories
from ehrgen.learning.settings import SamplingSettings

PLAIN, OURS, BATCH = "transformers generate", "ehrgen", 256
READABLE = {  # what transformers can read of a model: nothing beside the decoder reaches the output
    "hierarchy": "flat",
    "prompt_decoder": False,
    **{
        f"{name}_output": False
        for name in ("prompt", "visit", "visit_code", "held", "history", "length", "demographic")
    },
}


def histories(
    model: PromptBart, people: pd.DataFrame, settings: SamplingSettings, seed: int, machine: Machine
) -> list[list[int]]:
    """Tokens of every patient as our sampler writes them, without `<bos>` and `<eos>`."""
    generator = torch.Generator().manual_seed(seed)
    owner, _, token = write_histories(model, people, settings, generator, machine)
    order = np.argsort(owner, kind="stable")
    ends = np.cumsum(np.bincount(owner, minlength=len(people)))[:-1]
    return [part.tolist() for part in np.split(token[order], ends)]


def require_equal(ours: list[list[int]], theirs: list[list[int]]) -> None:
    """Greedy decoding has one answer.

    Raises:
        RuntimeError: If a history differs.
    """
    unlike = [row for row, (one, other) in enumerate(zip(ours, theirs, strict=True)) if one != other]
    if unlike:
        raise RuntimeError(
            f"{len(unlike)} of {len(ours)} greedy histories differ from generate's, first row {unlike[0]}"
        )


def contenders() -> dict[str, measure.Contender]:
    """Who samples BATCH patients of the same model, `generate` first; their greedy histories agree.

    Raises:
        RuntimeError: If they do not.
    """
    sequences = patients()
    one = learner(sequences, READABLE, LM_ONLY)
    one.epoch(1)
    content = load_yaml(Path("params.yaml"))
    base = section(content, "sampling", SamplingSettings, "params.yaml").model_copy(update={"batch_patients": BATCH})
    training = sequences.of_split("train")
    people = pd.DataFrame({"sex": np.array(SEXES)[training.sex[:BATCH]], "age_years": training.age[:BATCH]})
    age, sex = (torch.from_numpy(np.asarray(value)) for value in (training.age[:BATCH], training.sex[:BATCH]))
    age, sex = age.float(), sex.long()
    model, generator = one.model.eval(), Generator(one.model)
    limit = min(base.max_tokens, model.max_tokens)
    greedy = base.model_copy(update={"greedy": True})
    require_equal(histories(model, people, greedy, 0, one.machine), generator.histories(age, sex, limit, True))

    def plain(number: int) -> float:
        torch.manual_seed(number)
        return float(len(generator.histories(age, sex, limit, False)))

    def ours(number: int) -> float:
        return float(len(histories(model, people, base, number, one.machine)))

    return {PLAIN: plain, OURS: ours}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    table = measure.against(measure.in_turn(contenders(), rounds), PLAIN)
    for name, row in table.items():
        print(f"{name:24} {row['rate']:7.0f} patients/s, {row['ratio']:.2f} x ({row['low']:.2f} to {row['high']:.2f})")
    goals = [measure.goal_at_least("sampling against generate", table[OURS]["ratio"], 5, "x")]
    measure.save("sampling", {"unit": "patients/s", "batch": BATCH, "rounds": rounds, "of": table, "goals": goals})


if __name__ == "__main__":
    main()
