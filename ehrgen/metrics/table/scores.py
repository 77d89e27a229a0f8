"""Values of the metrics as files; imports neither numpy nor pandas."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import fsum
from pathlib import Path
from typing import Any, Self

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
    of_samples: dict[str, list[float]] = Field(default_factory=dict)


@dataclass(frozen=True)
class Scores:
    """Values of one generator, measured on one cohort or on several of equal size, on disk as JSON.

    Attributes:
        metrics: Name to finite value; a metric without value is absent.
        not_judged: Name to the reason, in words, for every metric that is absent.
        patients: How many patients each side had.
        of_samples: Name to the value of each sample of one generator, for every metric that is a mean over several.
    """

    metrics: dict[str, float]
    not_judged: dict[str, str]
    patients: int
    of_samples: dict[str, list[float]] = field(default_factory=dict)

    @classmethod
    def mean(cls, samples: Sequence["Scores"]) -> Self:
        """Of several samples of one generator, equally large: the mean of each metric that has a value in all of them.

        Metrics that were not asked of the later samples are those of the first.

        Example:
            >>> first, second = Scores({"a": 1.0, "b": 5.0}, {}, 9), Scores({"a": 2.0}, {}, 9)
            >>> Scores.mean([first, second])
            Scores(metrics={'a': 1.5, 'b': 5.0}, not_judged={}, patients=9, of_samples={'a': [1.0, 2.0]})
        """
        first, *later = samples
        metrics, not_judged, of_samples = dict(first.metrics), dict(first.not_judged), {}
        for name in [name for name in (first.metrics | first.not_judged) if any(one.asked(name) for one in later)]:
            reasons = [one.not_judged[name] for one in samples if name in one.not_judged]
            if reasons:
                metrics.pop(name, None)
                some = f"in {len(reasons)} of {len(samples)} samples: " if len(reasons) < len(samples) else ""
                not_judged[name] = some + reasons[0]
            else:
                of_samples[name] = [one.metrics[name] for one in samples]
                metrics[name] = fsum(of_samples[name]) / len(samples)
        return cls(metrics, not_judged, first.patients, of_samples)

    def asked(self, name: str) -> bool:
        """Whether there is a value of this metric, or a reason why not."""
        return name in self.metrics or name in self.not_judged

    def save(self, path: Path) -> None:
        """Write the values, rounded, keys sorted."""
        content: dict[str, Any] = {
            "metrics": {name: rounded(value) for name, value in self.metrics.items()},
            "not_judged": self.not_judged,
            "patients": self.patients,
        }
        if self.of_samples:
            content["of_samples"] = {name: [rounded(one) for one in found] for name, found in self.of_samples.items()}
        write_json(content, path, sort_keys=True)

    @classmethod
    def load(cls, path: Path) -> Self:
        """The values written by `save`.

        Raises:
            ScoresError: If the file is missing or no such JSON, or a metric has neither value nor reason; the remedy is
                named.
        """
        content = _read(path, _Saved)
        if set(content) - {"of_samples"} != {"metrics", "not_judged", "patients"}:
            raise ScoresError(f"{path}: expected the keys metrics, not_judged, patients; {REMEDY}")
        values, reasons, samples = content["metrics"], content["not_judged"], content.get("of_samples", {})
        if (not values and not reasons) or values.keys() & reasons.keys():
            raise ScoresError(f"{path}: a metric has a value or a reason to have none, not neither or both; {REMEDY}")
        if samples.keys() - values.keys() or len({len(found) for found in samples.values()}) > 1:
            raise ScoresError(f"{path}: of_samples: expected equally many values for metrics that have one; {REMEDY}")
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
