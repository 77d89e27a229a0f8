"""Tiny trainings and samples into a folder, in as many processes as are asked for.

python -m tests.support.two_processes FOLDER
"""

import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ehrgen.core.command import run
from ehrgen.learning.machine import launcher, processes
from ehrgen.learning.machine.device import machine_for, prepare_machine
from ehrgen.learning.model.prompt_bart import PromptBart
from ehrgen.learning.sampling.likelihoods import log_likelihood
from ehrgen.learning.sampling.sampler import sample_cohort
from ehrgen.learning.training import store
from ehrgen.learning.training.checkpoint import Checkpoint
from ehrgen.learning.training.history import Row
from ehrgen.learning.training.loop import Learner, train
from tests.support.sequences import tiny
from tests.support.training import CPU, matrices, recipe, sampling, untrained

TRAININGS = {
    "default": {},
    "measured": {"diversity": 0.1, "age_matching": 0.1, "weighting": "gradnorm"},
    "opposed": {"weighting": "pcgrad", "epochs": 1},
    "gathered": {"accumulation": 3, "weighting": "gradnorm", "epochs": 1},
    "half": {"precision": "bf16", "epochs": 1},
}
SAMPLES = {
    "plain": (50, {}),
    "truncated": (50, {"top_p": 0.9, "temperature": 1.2}),
    "flat": (30, {"rule_edits": True}),
    "alone": (1, {}),
}
HERE = prepare_machine("cpu", "fp32", 1, 16)


def results(folder: Path) -> None:
    """Everything, of which the first process writes a file each."""
    for name, changes in TRAININGS.items():
        own = recipe(**{"dropout": 0.0, **changes})
        key = f"{folder}/store/{name}"
        trained = store.train_once(key, own, tiny(), matrices(), machine_for(own))
        trained.publish(key, **{what: folder / name / what for what in ("model", "history", "manifest")})
    for name, (patients, changes) in SAMPLES.items():
        model = untrained(hierarchy="flat" if name == "flat" else "factored")
        made = sample_cohort(model, people(patients), sampling(**changes), 0, HERE).diagnoses.to_csv()
        write(folder / f"{name}.csv", made)
    nats = log_likelihood(untrained(), tiny(), sampling(), HERE)
    write(folder / "likelihood.csv", "\n".join(map(repr, nats.tolist())))
    write(folder / "resumed.json", resumed(folder))


def resumed(folder: Path) -> str:
    """Checksums of the weights that each process has after a training in one go, and after one stopped in epoch 2."""
    whole = checksums(in_full(folder / "whole"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Learner, "epoch", stopping(Learner.epoch))
        with pytest.raises(KeyboardInterrupt):
            in_full(folder / "stopped")
    processes.of_each(0, CPU)  # until the first has written its checkpoint
    return f"{whole}\n{checksums(in_full(folder / 'stopped'))}"


def in_full(folder: Path) -> PromptBart:
    """A training with dropout."""
    return train(recipe(), tiny(), matrices(), HERE, Checkpoint(folder))[0]


def stopping(run_epoch: Callable) -> Callable:
    def stopped(learner: Learner, number: int) -> list[Row]:
        if number == 2:
            raise KeyboardInterrupt
        return run_epoch(learner, number)

    return stopped


def checksums(model: PromptBart) -> list[int]:
    own = zlib.crc32(b"".join(value.numpy().tobytes() for value in model.untied_state().values()))
    return processes.of_each(own, CPU)


def people(patients: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({"sex": rng.choice(["F", "M"], patients), "age_years": rng.uniform(0, 90, patients)})


def write(path: Path, text: str) -> None:
    if processes.first():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    run(launcher.each("tests.support.two_processes", lambda: results(Path(sys.argv[1]))))
