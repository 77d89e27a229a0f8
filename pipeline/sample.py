"""A trained model -> synthetic cohorts (demographics of the training split or of a table), and real likelihoods."""

from pathlib import Path

from ehrgen.core import costs
from ehrgen.core.command import cell, run
from ehrgen.core.files import replacing
from ehrgen.core.params import load_yaml, section
from ehrgen.data.cohort import Cohort
from ehrgen.data.people import read_people
from ehrgen.learning.machine import launcher, processes
from ehrgen.learning.machine.device import machine_for
from ehrgen.learning.model.prompt_bart import PromptBart
from ehrgen.learning.sampling.likelihoods import save_likelihoods, score_cohort
from ehrgen.learning.sampling.sampler import sample_cohorts
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
    trained = PromptBart.load(Path("models") / variant / str(seed))
    with costs.part("sampling"):
        samples = sample_cohorts(trained, people, settings, seed, here)
    with costs.part("likelihoods"):
        likelihoods = score_cohort(trained, real, settings, recipe.train.order, seed, here)
    if not processes.first():
        return
    with replacing(Path("samples") / variant / str(seed)) as folder:
        for number, sample in enumerate(samples):
            sample.save(folder / str(number))
    save_likelihoods(likelihoods, Path("likelihoods") / variant / f"{seed}.parquet")
    made = f"{sum(map(len, samples)):,} patients in {len(samples)} samples"
    print(f"{variant} {seed}: {made}; {len(likelihoods):,} real ones scored")


if __name__ == "__main__":
    run(launcher.each("pipeline.sample", main))
