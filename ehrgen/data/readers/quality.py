"""What a reader made of its source: counts of what it kept as it was, repaired and dropped, by reason.

A count of 1 to 10 could point at a person, so it is shown as "<11" wherever it is printed or written.
"""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from ehrgen.core.files import write_json
from ehrgen.data.cohort import Cohort
from ehrgen.data.disclosure import OLDEST_PUBLISHED, shown
from ehrgen.data.icd9 import codes as icd9

TOLERATED = 0.01  # share of unusable values that is dropped and counted; more of them stop the reader


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

    def describe(self, cohort: Cohort) -> None:
        """Fill `cohort` with the sizes of this one: patients by split, visits, diagnoses, codes."""
        patients, diagnoses = cohort.patients, cohort.diagnoses
        self.cohort = {
            "patients": len(patients),
            "visits": int((diagnoses["position"] == 0).sum()),
            "diagnoses": len(diagnoses),
            "distinct codes": int(diagnoses["code"].nunique()),
        }
        for split, count in patients["split"].value_counts().sort_index().items():
            self.cohort[f"patients, {split}"] = int(count)
        known, billable = icd9.known(diagnoses["code"]), icd9.billable(diagnoses["code"])
        self.kept["diagnoses with a code absent from the ICD-9-CM hierarchy"] = int((~known).sum())
        self.kept["diagnoses with a retired or category-level code"] = int((known & ~billable).sum())

    def published(self) -> dict[str, dict[str, int | str]]:
        """The counts as they may be published, by part."""
        parts = {"cohort": self.cohort, "kept": self.kept, "repaired": self.repaired, "dropped": self.dropped}
        return {name: {key: shown(n) for key, n in counts.items()} for name, counts in parts.items()}

    def save(self, path: Path) -> None:
        """Write the report as JSON."""
        write_json({"source": self.source, **self.published()}, path)

    def __str__(self) -> str:
        lines = [f"source: {self.source}"]
        for name, counts in self.published().items():
            lines += [f"{name}: {key}: {count}" for key, count in counts.items() if count != 0]
        return "\n".join(lines)


def refuse(bad: int, total: int, where: str, what: str, remedy: str, tolerated: float = 0.0) -> int:
    """The number of bad values, where it is tolerable.

    Raises:
        ReaderError: If more than the share `tolerated` of `total` is bad.
    """
    if bad > tolerated * total:
        limit = f", more than the {tolerated:.0%} that would be dropped" if tolerated else ""
        raise ReaderError(f"{where}: {shown(bad)} of {shown(total)} values {what}{limit}; {remedy}")
    return bad


def publish_ages(age_years: pd.Series, quality: Quality) -> pd.Series:
    """The ages from 0 to 90: over 89 is published as 90; up to a day before birth, as 0. Both are counted."""
    quality.repaired["ages over 89, published as 90"] = int((age_years >= OLDEST_PUBLISHED).sum())
    quality.repaired["ages up to a day before birth, published as 0"] = int((age_years < 0).sum())
    return age_years.clip(0.0, OLDEST_PUBLISHED)
