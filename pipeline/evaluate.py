"""Held-out real patients and the samples of one variant and seed -> reports/runs; the first -> reports/portraits."""

from dataclasses import replace
from pathlib import Path

from ehrgen.core.command import cell, run
from ehrgen.core.files import store_root
from ehrgen.core.params import load_yaml, section
from ehrgen.data.cohort import Cohort
from ehrgen.data.simulation.process import known
from ehrgen.metrics import portrait
from ehrgen.metrics.cohorts.handed_on import handing_on
from ehrgen.metrics.evaluation import EvaluationData, evaluate_samples
from ehrgen.metrics.families.likelihood import Likelihood
from ehrgen.metrics.settings import EvaluateSettings


def main() -> None:
    variant, seed = cell()
    settings = section(load_yaml(Path("params.yaml")), "evaluate", EvaluateSettings, "params.yaml")
    truth = known(Path("data/process"))
    cohort = Cohort.load(Path("data/cohort"))
    heldout, train = cohort.of_split("heldout"), cohort.of_split("train")
    samples = sorted((Path("samples") / variant / str(seed)).iterdir(), key=lambda folder: int(folder.name))
    generated, *further = map(Cohort.load, samples)
    data = EvaluationData.of(heldout, generated, train, settings.patients, settings.seed, truth)
    likelihood = Likelihood.load(Path("likelihoods") / variant / f"{seed}.parquet")
    if len(data) < settings.patients:
        print(
            f"{len(data):,} patients compared, not {settings.patients:,}: {len(heldout):,} are held out, "
            f"{len(train):,} were trained on and {len(generated):,} were sampled"
        )
    with handing_on(store_root() / "metrics", data.heldout, data.train):
        others = [data.sampled(cohort, settings.seed) for cohort in further]
        scores = evaluate_samples(replace(data, likelihood=likelihood), others)
        scores.save(Path("reports/runs") / variant / f"{seed}.json")
        portrait.save(portrait.portrait(data), Path("reports/portraits") / variant / f"{seed}.json")


if __name__ == "__main__":
    run(main)
