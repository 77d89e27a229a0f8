"""Held-out real patients against reference generators and other real patients -> reports/anchors, margins, portrait."""

from pathlib import Path

import numpy as np

from ehrgen.core import costs
from ehrgen.core.command import run
from ehrgen.core.files import replacing, store_root
from ehrgen.core.params import load_yaml, section
from ehrgen.data.cohort import Cohort
from ehrgen.data.simulation.process import known
from ehrgen.metrics import jackknife, portrait
from ehrgen.metrics.anchors.generators import COPIES, reference_generators
from ehrgen.metrics.cohorts.handed_on import handing_on
from ehrgen.metrics.evaluation import EvaluationData, evaluate
from ehrgen.metrics.settings import EvaluateSettings
from ehrgen.metrics.table.suite import NotJudged


def main() -> None:
    settings = section(load_yaml(Path("params.yaml")), "evaluate", EvaluateSettings, "params.yaml")
    heldout, heldout2, train = map(Cohort.load(Path("data/cohort")).of_split, ("heldout", "heldout2", "train"))
    truth = known(Path("data/process"))
    floor = EvaluationData.of(heldout, heldout2, train, settings.patients, settings.seed, truth, copies=True)
    if (n := len(floor)) < settings.patients:
        print(f"{n:,} patients compared, not {settings.patients:,}: no more are held out or trained on")
    portrait.save(portrait.portrait(floor), Path("reports/portraits/floor.json"))
    with costs.part("jackknife"):
        jackknife.save(jackknife.standard_errors(floor, settings.seed), Path("reports/margins.json"))
    real = floor.heldout, floor.train
    with handing_on(store_root() / "metrics", *real), replacing(Path("reports/anchors")) as folder:
        evaluate(floor).save(folder / "floor.json")
        for number, (name, generate) in enumerate(reference_generators(settings.profiles).items()):
            try:
                made = generate(train, n, np.random.default_rng([settings.seed, 2, number]))
                evaluate(floor.judging(made, copies=name in COPIES)).save(folder / f"{name}.json")
            except NotJudged as reason:
                print(f"reference generator {name} is left out: {reason}")


if __name__ == "__main__":
    run(main)
