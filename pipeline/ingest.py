"""A source of patients, or a simulated cohort, becomes data/cohort: capped, split, with a quality report."""

from pathlib import Path

import numpy as np

from ehrgen.core.command import run
from ehrgen.core.params import load_yaml, section
from ehrgen.data.cohort import Cohort
from ehrgen.data.readers import kinds, source
from ehrgen.data.readers.quality import Quality
from ehrgen.data.readers.splits import split
from ehrgen.data.settings import CohortSettings
from ehrgen.data.simulation import process, simulator


def read(settings: CohortSettings, rng: np.random.Generator) -> tuple[Cohort, Quality]:
    """All patients of the source; of a simulated one the cap, or as many as MIMIC-III has."""
    files = [Path(file) for file in settings.files]
    if settings.source == "simulated":
        simulated = simulator.load(files[0])
        return simulated.sample(settings.patients or 46_520, rng), Quality("simulated")
    return kinds.read(settings.source, files if len(files) > 1 or settings.source == "meds" else files[0])


def main() -> None:
    settings = section(load_yaml(Path("params.yaml")), "cohort", CohortSettings, "params.yaml")
    source.check(settings.model_dump(), "params.yaml")
    rng = np.random.default_rng(settings.seed)
    cohort, quality = read(settings, rng)
    cohort = cohort.sample(min(settings.patients or len(cohort), len(cohort)), rng)
    cohort = split(cohort, settings.split.model_dump(), rng)
    quality.describe(cohort)
    cohort.save(Path("data/cohort"))
    process.keep(settings.source, Path(settings.files[0]), Path("data/process"))
    quality.save(Path("reports/quality.json"))
    print(quality)


if __name__ == "__main__":
    run(main)
