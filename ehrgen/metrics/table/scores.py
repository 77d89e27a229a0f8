"""Values of the metrics as files; imports neither numpy nor pandas."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import Field, FiniteFloat

from ehrgen.core.files import FileError, write_json
from ehrgen.core.records import Record, read_record
from ehrgen.metrics.table.suite import HEADLINE

SIGNIFICANT_DIGITS = 4  # beyond that a repeated run shows jitter as a change
REMEDY = "remove it and run `dvc repro` again"


class ScoresError(ValueError):
    """A file of metric values that cannot be read; the message says which and what to do."""


def rounded(value: float) -> float:
    """`value` to the digits that are written.

    Example:
        >>> rounded(0.98765432)
        0.9877
    """
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")


class _Saved(Record):
    metrics: dict[str, float]
    not_judged: dict[str, str]
    patients: int = Field(ge=1)


@dataclass(frozen=True)
class Scores:
    """Values of one synthetic cohort, on disk as JSON.

    Attributes:
        metrics: Name to finite value; a metric without value is absent.
        not_judged: Name to the reason, in words, for every metric that is absent.
        patients: How many patients each side had.
    """

    metrics: dict[str, float]
    not_judged: dict[str, str]
    patients: int

    def save(self, path: Path) -> None:
        """Write the values, rounded, keys sorted."""
        content = {
            "metrics": {name: rounded(value) for name, value in self.metrics.items()},
            "not_judged": self.not_judged,
            "patients": self.patients,
        }
        write_json(content, path, sort_keys=True)

    @classmethod
    def load(cls, path: Path) -> Self:
        """The values written by `save`.

        Raises:
            ScoresError: If the file is missing or no such JSON, or a metric has neither value nor reason; the remedy is
                named.
        """
        content = _read(path, _Saved)
        if set(content) != {"metrics", "not_judged", "patients"}:
            raise ScoresError(f"{path}: expected the keys metrics, not_judged, patients; {REMEDY}")
        values, reasons = content["metrics"], content["not_judged"]
        if (not values and not reasons) or values.keys() & reasons.keys():
            raise ScoresError(f"{path}: a metric has a value or a reason to have none, not neither or both; {REMEDY}")
        return cls(**content)


def load_headline(path: Path) -> dict[str, float]:
    """Headline metric -> mean of a variant, as `compare` wrote them.

    Raises:
        ScoresError: If the file is missing, empty or no such JSON.
    """
    content = _read(path, dict[str, FiniteFloat])
    if not content or not content.keys() <= set(HEADLINE):
        raise ScoresError(f"{path}: expected headline metrics ({', '.join(HEADLINE)}); {REMEDY}")
    return content


def _read(path: Path, shape: object) -> dict:
    try:
        return read_record(path, shape, REMEDY)
    except FileError as error:
        raise ScoresError(str(error)) from None
