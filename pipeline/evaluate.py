"""Held-out real patients and the samples of one variant and seed -> reports/runs/VARIANT/SEED.json."""

import sys
from pathlib import Path

from ehrgen.data.cohort import Cohort
from ehrgen.metrics.evaluation import equal_samples, evaluate
from ehrgen.metrics.settings import EvaluateSettings
from ehrgen.params import load_yaml, section
from pipeline.command import run


def main() -> None:
    variant, seed = sys.argv[1:]
    settings = section(load_yaml(Path("params.yaml")), "evaluate", EvaluateSettings, "params.yaml")
    heldout = Cohort.load(Path("data/cohort")).of_split("heldout")
    generated = Cohort.load(Path("samples") / variant / seed)
    real, synthetic = equal_samples(heldout, generated, settings.patients, settings.seed)
    if len(real) < settings.patients:
        print(
            f"{len(real):,} patients compared, not {settings.patients:,}: "
            f"{len(heldout):,} are held out and {len(generated):,} were sampled"
        )
    evaluate(real, synthetic).save(Path("reports/runs") / variant / f"{seed}.json")


if __name__ == "__main__":
    run(main)
