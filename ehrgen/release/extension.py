"""What is asked for on the command line when given histories shall go on, and the answer as a table.

What imports transformers is imported where it is used: that takes seconds, which a refused request need not wait for.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pandas as pd

from ehrgen.core.params import section
from ehrgen.data.cohort import Cohort
from ehrgen.data.readers import kinds, long_table
from ehrgen.learning.settings import Recipe, SamplingSettings, effective
from ehrgen.release.request import FILES

DESCRIPTION = """The next visits of given patients, as a trained model would have them: a row for each code, with the
patient, the number of the visit counted on, and the log-likelihood of the visit. PATH is whatever pipeline.score reads.
The patients stay where they are: only the new visits are written."""


class ExtensionError(ValueError):
    """Histories that cannot go on; the message says which part of the request, and what to do."""


@dataclass(frozen=True)
class Extension:
    """One request.

    Attributes:
        model: Its folder, VARIANT/SEED.
        given: Where the patients are.
        visits: How many visits to add at most.
        out: The table to be written, .csv.
    """

    model: Path
    given: Path
    visits: int
    seed: int
    out: Path

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> Self:
        """The request of a command line.

        Raises:
            ExtensionError: If there is no such model or number of visits, or the table is there already.
        """
        parser = argparse.ArgumentParser(prog="python -m pipeline.extend", description=DESCRIPTION)
        parser.add_argument("--model", type=Path, required=True, help="such as models/multitask/0")
        parser.add_argument("--from", dest="given", type=Path, required=True, metavar="PATH", help="the patients")
        parser.add_argument("--visits", type=int, default=1, help="how many visits to add at most (default 1)")
        parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same visits (default 0)")
        parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="table to be made, .csv")
        asked = cls(**vars(parser.parse_args(arguments)))
        asked._check()
        return asked

    def _check(self) -> None:
        own = self.model.resolve()
        if not own.name.isdecimal() or not all((own / name).is_file() for name in FILES):
            raise ExtensionError(f"--model {self.model}: no folder VARIANT/SEED with {', '.join(FILES)}")
        if self.visits < 1 or self.seed < 0:
            raise ExtensionError(f"--visits {self.visits} --seed {self.seed}: at least 1 visit, and a seed from 0 up")
        if not self.given.exists():
            raise ExtensionError(f"--from {self.given}: no such file or folder")
        if self.out.exists():
            raise ExtensionError(f"--out {self.out}: exists; name a file that does not, or remove it")

    def settings(self, resolved: dict[str, Any]) -> SamplingSettings:
        """How the variant samples in resolved.yaml."""
        variant = self.model.resolve().parent.name
        return section(
            effective(resolved, variant), "sampling", SamplingSettings, f"resolved.yaml: effective.{variant}"
        )

    def patients(self, settings: SamplingSettings) -> Cohort:
        """The given patients.

        Raises:
            ExtensionError: If the model reads sex and age and they are not known.
        """
        cohort, _ = kinds.read_judged(self.given)
        if settings.demographics and not (cohort.has_sex and cohort.has_age):
            raise ExtensionError(f"--from {self.given}: the model reads sex and age, which these patients are without")
        return cohort

    def visits_of(self, cohort: Cohort, resolved: dict[str, Any]) -> pd.DataFrame:
        """The next visits of these patients, called as in the given file, on the device the model was trained for."""
        from ehrgen.learning.machine.device import machine_for
        from ehrgen.learning.model.prompt_bart import PromptBart
        from ehrgen.learning.sampling.continuation import next_visits

        own = self.model.resolve()
        here = machine_for(Recipe.from_resolved(resolved, own.parent.name, int(own.name)))
        model, settings = PromptBart.load(self.model), self.settings(resolved)
        found = next_visits(model, cohort, self.visits, settings, self.seed, here)
        if kinds.kind_of(self.given) == "long":
            found["patient_id"] = long_table.patient_names(self.given)[found["patient_id"]]
        return found
