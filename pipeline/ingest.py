"""MIMIC-III, NHDS or a simulated cohort becomes data/cohort: capped, split, with a quality report."""

from pathlib import Path

import numpy as np

from ehrgen.data import mimic3, nhds
from ehrgen.data.cohort import Cohort
from ehrgen.data.quality import Quality
from ehrgen.data.settings import CohortSettings
from ehrgen.params import load_yaml, section
from pipeline.command import run


def read(settings: CohortSettings, rng: np.random.Generator) -> tuple[Cohort, Quality]:
    """All patients of the source; of a simulated one the cap, or as many as MIMIC-III has."""
    if settings.source == "simulated":
        from ehrgen.data import simulator  # the other sources do without it

        simulated = simulator.load(Path(settings.path))
        return simulated.sample(settings.patients or 46_520, rng), Quality("simulated")
    return {"mimic3": mimic3, "nhds": nhds}[settings.source].read(Path(settings.path))


def main() -> None:
    settings = section(load_yaml(Path("params.yaml")), "cohort", CohortSettings, "params.yaml")
    rng = np.random.default_rng(settings.seed)
    cohort, quality = read(settings, rng)
    cohort = cohort.sample(min(settings.patients or len(cohort), len(cohort)), rng)
    cohort = cohort.with_split(settings.split.model_dump(), rng)
    quality.describe(cohort)
    cohort.save(Path("data/cohort"))
    quality.save(Path("reports/quality.json"))
    print(quality)


if __name__ == "__main__":
    run(main)
