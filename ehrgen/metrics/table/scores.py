"""Values of the metrics as files; imports neither numpy nor pandas."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ehrgen.core.files import write_json

SIGNIFICANT_DIGITS = 4  # beyond that a repeated run shows jitter as a change


class ScoresError(ValueError):
    """A file of metric values that cannot be read; the message says which and what to do."""


def rounded(value: float) -> float:
    """`value` to the digits that are written.

    Example:
        >>> rounded(0.98765432)
        0.9877
    """
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")


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
            ScoresError: If the file is no such JSON; the remedy is named.
        """
        remedy = "remove it and run `dvc repro` again"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ScoresError(f"{path}: not valid JSON ({error}); {remedy}") from error
        if not isinstance(content, dict) or set(content) != {"metrics", "not_judged", "patients"}:
            raise ScoresError(f"{path}: expected the keys metrics, not_judged, patients; {remedy}")
        return cls(**content)
