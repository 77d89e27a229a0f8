"""Held-out real patients against reference generators and other real patients -> reports/anchors/*.json."""

from pathlib import Path

import numpy as np

from ehrgen.data.cohort import Cohort
from ehrgen.files import replacing
from ehrgen.metrics.anchors import anchors
from ehrgen.metrics.evaluation import equal_samples, evaluate
from ehrgen.metrics.settings import EvaluateSettings
from ehrgen.params import load_yaml, section
from pipeline.command import run


def main() -> None:
    settings = section(load_yaml(Path("params.yaml")), "evaluate", EvaluateSettings, "params.yaml")
    cohort = Cohort.load(Path("data/cohort"))
    train, others = cohort.of_split("train"), cohort.of_split("heldout2")
    real, floor = equal_samples(cohort.of_split("heldout"), others, settings.patients, settings.seed)
    if len(real) < settings.patients:
        print(f"{len(real):,} patients compared, not {settings.patients:,}: no more are held out")
    with replacing(Path("reports/anchors")) as folder:
        evaluate(real, floor).save(folder / "floor.json")
        for number, (name, generate) in enumerate(anchors(settings.profiles).items()):
            synthetic = generate(train, len(real), np.random.default_rng([settings.seed, 2, number]))
            evaluate(real, synthetic).save(folder / f"{name}.json")


if __name__ == "__main__":
    run(main)
