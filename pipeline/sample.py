"""A trained model -> a synthetic cohort (demographics of the training split or of a table), and real likelihoods."""

from pathlib import Path

import numpy as np

from ehrgen.core.command import cell, run
from ehrgen.core.params import load_yaml, section
from ehrgen.data.cohort import Cohort
from ehrgen.data.people import draw_people, read_people
from ehrgen.learning.machine import launcher, processes
from ehrgen.learning.machine.device import machine_for
from ehrgen.learning.model.prompt_bart import PromptBart
from ehrgen.learning.sampling.likelihoods import save_likelihoods, score_cohort
from ehrgen.learning.sampling.sampler import sample_cohort
from ehrgen.learning.settings import Recipe, SamplingSettings, effective


def main() -> None:
    variant, seed = cell()
    resolved = load_yaml(Path("resolved.yaml"))
    where = f"resolved.yaml: effective.{variant}"
    settings = section(effective(resolved, variant), "sampling", SamplingSettings, where)
    recipe = Recipe.from_resolved(resolved, variant, seed)
    here = machine_for(recipe)
    real = Cohort.load(Path("data/cohort"))
    people = real.of_split("train").patients if settings.table is None else read_people(Path(settings.table))
    rng = np.random.default_rng([settings.seed, seed])
    people = draw_people(people, settings.patients, rng)
    trained = PromptBart.load(Path("models") / variant / str(seed))
    cohort = sample_cohort(trained, people, settings, int(rng.integers(2**31)), here)
    likelihoods = score_cohort(trained, real, settings, recipe.train.order, seed, here)
    if not processes.first():
        return
    cohort.save(Path("samples") / variant / str(seed))
    save_likelihoods(likelihoods, Path("likelihoods") / variant / f"{seed}.parquet")
    made = f"{len(cohort)} patients, {len(cohort.diagnoses)} diagnoses"
    print(f"{variant} {seed}: {made}; {len(likelihoods)} real ones scored")


if __name__ == "__main__":
    run(launcher.each("pipeline.sample", main))
