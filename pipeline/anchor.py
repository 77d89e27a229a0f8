"""Held-out real patients against reference generators and other real patients -> reports/anchors/*.json."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from ehrgen.data.cohort import Cohort
from ehrgen.files import replacing
from ehrgen.metrics.anchors import anchors
from ehrgen.metrics.evaluation import Evidence, evaluate
from ehrgen.metrics.settings import EvaluateSettings
from ehrgen.params import load_yaml, section
from pipeline.command import run


def main() -> None:
    settings = section(load_yaml(Path("params.yaml")), "evaluate", EvaluateSettings, "params.yaml")
    cohort = Cohort.load(Path("data/cohort"))
    heldout, train = cohort.of_split("heldout"), cohort.of_split("train")
    floor = Evidence.of(heldout, cohort.of_split("heldout2"), train, settings.patients, settings.seed)
    if len(floor) < settings.patients:
        print(f"{len(floor):,} patients compared, not {settings.patients:,}: no more are held out or trained on")
    with replacing(Path("reports/anchors")) as folder:
        evaluate(floor).save(folder / "floor.json")
        for number, (name, generate) in enumerate(anchors(settings.profiles).items()):
            synthetic = generate(train, len(floor), np.random.default_rng([settings.seed, 2, number]))
            evaluate(replace(floor, synthetic=synthetic)).save(folder / f"{name}.json")


if __name__ == "__main__":
    run(main)
