"""What a reader made of its source: counts of what it kept as it was, repaired and dropped, by reason.

A count of 1 to 10 could point at a person, so it is shown as "<11" wherever it is printed or written.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from ehrgen.core.files import write_json
from ehrgen.data.cohort import Cohort
from ehrgen.data.disclosure import OLDEST_PUBLISHED, shown
from ehrgen.data.icd9 import codes as icd9
from ehrgen.data.icd9.codebook import OLDEST_IN_EDITS

TOLERATED = 0.01  # share of unusable values that is dropped and counted; more of them stop the reader
# Share of rows that may lack what belongs to them: patients an admission, admissions a diagnosis, diagnoses a code.
# MIMIC-III's tables lack none but 47 of 651,047 codes; of tables cut apart, 29 % of the patients had no admission.
ABSENT = 0.1
# Share of codes for one sex or for certain ages that others may have. NHDS 2010 breaks 60 of 202,461 such edits, the
# MIMIC-III demo none; a public extract whose codes and patients were joined wrongly, 55 %.
EDITS_BROKEN = 0.05
RELEASES = "tables of different releases, or one is cut off: take them from one"


BY_SPLIT = "patients, "
HIDDEN = "hidden"  # a count that may be of any size, but would tell a small one


class ReaderError(ValueError):
    """A source that cannot be read; the message names file, column, count and remedy."""


@dataclass
class Quality:
    """Counts by reason. `kept` is unusual but in the cohort, `repaired` was changed, `dropped` is not in it.

    `cohort` and `kept` describe the cohort that is written, `repaired` and `dropped` the whole source. Its
    size is left out: with it, a hidden count could be worked out from the others.
    """

    source: str
    cohort: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)
    repaired: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def describe(self, cohort: Cohort) -> None:
        """Fill `cohort` with the sizes of this one: patients by split, visits, diagnoses, codes.

        Warns where codes and demographics do not seem to belong together.
        """
        patients, diagnoses = cohort.patients, cohort.diagnoses
        self.cohort = {
            "patients": len(patients),
            "visits": int((diagnoses["position"] == 0).sum()),
            "diagnoses": len(diagnoses),
            "distinct codes": int(diagnoses["code"].nunique()),
        }
        for split, count in patients["split"].value_counts().sort_index().items():
            self.cohort[f"{BY_SPLIT}{split}"] = int(count)
        known, billable = icd9.known(diagnoses["code"]), icd9.billable(diagnoses["code"])
        self.kept["diagnoses with a code absent from the ICD-9-CM hierarchy"] = int((~known).sum())
        self.kept["diagnoses with a retired or category-level code"] = int((known & ~billable).sum())
        broken, ruled = edits_broken(cohort)
        if broken > EDITS_BROKEN * ruled:
            self.warnings.append(
                f"{shown(broken)} of {shown(ruled)} codes that are for one sex or for certain ages belong to others, "
                f"more than the {EDITS_BROKEN:.0%} that real records have at most: codes and demographics seem to be "
                "of different patients; check how the tables were joined"
            )

    def published(self) -> dict[str, dict[str, int | str]]:
        """The counts as they may be published, by part.

        Patients by split add up to all patients: where one split is small, all of them are hidden.
        """
        parts = {"cohort": self.cohort, "kept": self.kept, "repaired": self.repaired, "dropped": self.dropped}
        published = {name: {key: shown(n) for key, n in counts.items()} for name, counts in parts.items()}
        splits = [key for key in self.cohort if key.startswith(BY_SPLIT)]
        if any(shown(self.cohort[key]) != self.cohort[key] for key in splits):
            published["cohort"] |= dict.fromkeys(splits, HIDDEN)
        return published

    def save(self, path: Path) -> None:
        """Write the report as JSON."""
        warnings = {"warnings": self.warnings} if self.warnings else {}
        write_json({"source": self.source, **self.published(), **warnings}, path)

    def __str__(self) -> str:
        lines = [f"source: {self.source}"]
        for name, counts in self.published().items():
            lines += [f"{name}: {key}: {count}" for key, count in counts.items() if count != 0]
        return "\n".join([*lines, *(f"warning: {warning}" for warning in self.warnings)])


def edits_broken(cohort: Cohort) -> tuple[int, int]:
    """Codes of first visits whose sex or age edit their patient breaks, and all that carry one."""
    first = cohort.diagnoses[cohort.diagnoses["visit"] == 0]
    people = cohort.patients.iloc[np.searchsorted(cohort.patients["patient_id"], first["patient_id"])]
    demand = icd9.edits(first["code"])
    required = demand["sex_required"].to_numpy(dtype=str)
    youngest, oldest = demand["age_min"].to_numpy(), demand["age_max"].to_numpy()
    age = np.floor(people["age_years"].to_numpy())
    other_sex = (required != "") & cohort.has_sex & (required != people["sex"].to_numpy(dtype=str))
    ruled = ((required != "") & cohort.has_sex) | (((youngest > 0) | (oldest < OLDEST_IN_EDITS)) & cohort.has_age)
    broken = other_sex | (age < youngest) | (age > oldest)  # an unknown age is neither
    return int(broken.sum()), int(ruled.sum())


def refuse(bad: int, total: int, where: str, what: str, remedy: str, tolerated: float = 0.0, fewest: int = 1) -> int:
    """The number of bad values, where it is tolerable.

    Raises:
        ReaderError: If `fewest` or more are bad and more than the share `tolerated` of `total`.
    """
    if bad >= fewest and bad > tolerated * total:
        limit = f", more than the {100 * tolerated:g}% that intact tables may have" if tolerated else ""
        raise ReaderError(f"{where}: {shown(bad)} of {shown(total)} values {what}{limit}; {remedy}")
    return bad


def publish_ages(age_years: pd.Series, quality: Quality) -> pd.Series:
    """The ages from 0 to 90: over 89 is published as 90; up to a day before birth, as 0. Both are counted."""
    quality.repaired["ages over 89, published as 90"] = int((age_years >= OLDEST_PUBLISHED).sum())
    quality.repaired["ages up to a day before birth, published as 0"] = int((age_years < 0).sum())
    return age_years.clip(0.0, OLDEST_PUBLISHED)
