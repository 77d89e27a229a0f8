"""What is asked of a trained model on the command line, and the patients it answers with.

What imports transformers is imported where it is used: that takes seconds, which a refused request need not wait for.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from ehrgen.core.params import section
from ehrgen.data.cohort import Cohort
from ehrgen.data.people import draw_people, read_people
from ehrgen.learning.settings import Recipe, SamplingSettings, effective
from ehrgen.release import demographics

DESCRIPTION = """New patients from a trained model: DIR/mimic3 holds tables of the MIMIC-III schema, DIR/meds the same
patients as a MEDS dataset, each with a model card. They are sampled as the variant samples in resolved.yaml."""

FILES = ("config.json", "vocabulary.json", "model.safetensors")


class RequestError(ValueError):
    """A request that cannot be met; the message says which part, and what could be asked for."""


@dataclass(frozen=True)
class Request:
    """One request: `patients` people of an age and a sex, or of a table.

    Attributes:
        folder: Of the model, VARIANT/SEED.
        age, sex, table: Who: an age or a range and perhaps a sex, or else a parquet file.
        rules: Whether codes that break a sex or age edit are forbidden even where the variant allows them.
        out: The folder to be made.
    """

    folder: Path
    patients: int
    age: str | None
    sex: str | None
    table: Path | None
    seed: int
    rules: bool
    out: Path

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> Self:
        """The request of a command line.

        Raises:
            RequestError: If there is no such model, nobody is asked for, or the output folder is there already.
        """
        parser = argparse.ArgumentParser(prog="python -m pipeline.generate", description=DESCRIPTION)
        parser.add_argument("--model", dest="folder", type=Path, required=True, help="such as models/multitask/0")
        parser.add_argument("--patients", type=int, required=True, help="how many")
        parser.add_argument(
            "--age", help="completed years at the first visit: 65, or 60-70 for any between; 0 is birth, 90 over 89"
        )
        parser.add_argument("--sex", help="with --age: F or M; both, at random, where left out")
        parser.add_argument("--table", type=Path, help="parquet of people (sex, age_years) to draw from instead")
        parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same patients (default 0)")
        parser.add_argument("--rules", action="store_true", help="forbid codes that break a sex or age edit")
        parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to be made")
        asked = cls(**vars(parser.parse_args(arguments)))
        asked._check()
        return asked

    @property
    def variant(self) -> str:
        return self.folder.resolve().parent.name

    @property
    def seed_of_model(self) -> int:
        return int(self.folder.resolve().name)

    def _check(self) -> None:
        own = self.folder.resolve()
        if not own.name.isdecimal() or not all((own / name).is_file() for name in FILES):
            models = sorted(path.parent.as_posix() for path in Path("models").glob(f"*/*/{FILES[-1]}"))
            raise RequestError(
                f"--model {self.folder}: no folder VARIANT/SEED with {', '.join(FILES)}; "
                f"models here: {', '.join(models) or 'none, run `dvc repro`'}"
            )
        if (self.table is None) == (self.age is None):
            raise RequestError("whom to generate? give --age (and --sex), or --table, not both")
        if self.table is not None and self.sex is not None:
            raise RequestError("--sex goes with --age; a --table says its own")
        if self.patients < 1 or self.seed < 0:
            raise RequestError(
                f"--patients {self.patients} --seed {self.seed}: at least 1 patient, and a seed from 0 up"
            )
        if self.out.exists():
            raise RequestError(f"--out {self.out}: exists; name a folder that does not, or remove it")

    def settings(self, resolved: dict[str, Any]) -> SamplingSettings:
        """How the variant samples in resolved.yaml, with what is asked for in place.

        Raises:
            ParamsError: If the variant is not there.
            RequestError: If it samples without demographics, so that age and sex would be labels and no more.
        """
        where = f"resolved.yaml: effective.{self.variant}"
        own = section(effective(resolved, self.variant), "sampling", SamplingSettings, where)
        if not own.demographics:
            raise RequestError(
                f"--model {self.folder}: {self.variant} samples without demographics, so nobody can be asked of it"
            )
        asked = {"patients": self.patients, "seed": self.seed, "table": None}
        return own.model_copy(update={**asked, "rule_edits": own.rule_edits or self.rules})

    def people(self, rng: np.random.Generator) -> pd.DataFrame:
        """The people asked for, one row each: sex, age_years."""
        if self.table is not None:
            return draw_people(read_people(self.table), self.patients, rng)
        return demographics.people(self.patients, str(self.age), self.sex, rng)

    def generate(self, resolved: dict[str, Any]) -> Cohort:
        """The patients, the same for the same request, on the device that the model was trained for.

        Raises:
            RequestError: If several processes were started, each of which would write them.
        """
        from ehrgen.learning.machine import processes
        from ehrgen.learning.machine.device import machine_for
        from ehrgen.learning.model.prompt_bart import PromptBart
        from ehrgen.learning.sampling.sampler import sample_cohort

        settings, rng = self.settings(resolved), np.random.default_rng(self.seed)
        people = self.people(rng)
        here = machine_for(Recipe.from_resolved(resolved, self.variant, self.seed_of_model))
        if processes.count() > 1:
            raise RequestError(f"generate is one process, started as {processes.count()}; leave the launcher out")
        return sample_cohort(PromptBart.load(self.folder), people, settings, int(rng.integers(2**31)), here)

    def stated(self, resolved: dict[str, Any]) -> dict[str, Any]:
        """What was asked for and how it was sampled, for the card."""
        who = {"table": self.table.name} if self.table else {"age": self.age, "sex": self.sex or "F or M, at random"}
        how = {
            k: v
            for k, v in self.settings(resolved).model_dump().items()
            if k not in ("table", "samples", "batch_patients")
        }
        return {**who, **how}
