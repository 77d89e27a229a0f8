"""The one table of metrics, and the file of their values; imports neither numpy nor pandas.

A metric is a pure function of the same name as its entry here, in the module of this room that is named after its
family: `(heldout, synthetic) -> float`, or of whatever parts of the `Evidence` its entry says it `uses`, in that order.
All cohorts have equally many patients.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Self

from ehrgen.files import replacing

FAMILIES = ("fidelity", "collapse", "validity")
VACUOUS = "vacuous"  # opens the reason of a rate without a denominator
SIGNIFICANT_DIGITS = 4  # beyond that a repeated run shows jitter as a change


class NotJudged(ValueError):  # noqa: N818 - an outcome with a reason, not a failure
    """A metric that has no value for these cohorts; the message is the reason, fit to be printed."""


class ScoresError(ValueError):
    """A file of metric values that cannot be read; the message says which and what to do."""


@dataclass(frozen=True)
class Metric:
    """What a reader must know to use one number.

    Attributes:
        family: The module that holds the function.
        unit: Of the value; `share` and `R2` are pure numbers.
        low, high: The range, ends included.
        better: Which way is better; `match`: closer to `ideal` on either side.
        ideal: Value of a perfect generator; None: the value that real patients have (see the floor).
        minimum: Fewest patients for which the value means something.
        source: Where the definition comes from.
        headline: Whether `dvc metrics show` prints it; at most 12 are.
        floor_at_least: If two real samples do not even reach this, the sample is too small to judge.
        beside: The metric that means nothing without this one.
        uses: The parts of the evidence that the function takes, in order.
    """

    family: str
    unit: str
    low: float
    high: float
    better: Literal["higher", "lower", "match"]
    ideal: float | None
    minimum: int
    source: str
    headline: bool = False
    floor_at_least: float | None = None
    beside: str = ""
    uses: tuple[str, ...] = ("heldout", "synthetic")

    def gap(self, value: float, target: float) -> float:
        """How much worse than `target` a value is; below 0 if it is better, which it cannot be by `match`."""
        if self.better == "match":
            return abs(value - target)
        return target - value if self.better == "higher" else value - target


HALO = "Theodorou et al. (2023), HALO, https://doi.org/10.1038/s41467-023-41093-0"
LENGTHS = "SDMetrics KSComplement and TVComplement, https://docs.sdv.dev/sdmetrics; scipy.stats"
RAREFACTION = "Hurlbert (1971), The nonconcept of species diversity, https://doi.org/10.2307/1934145"
HILL = "Hill (1973), Diversity and evenness, https://doi.org/10.2307/1934352"
UNIQUENESS = "Li et al. (2016), A diversity-promoting objective, https://doi.org/10.18653/v1/N16-1014"
MCE = "CMS, Definitions of Medicare Code Edits, version 32 (fiscal year 2015)"
INF = math.inf

# Minimum: between two draws of one process pair R2 is -0.45 at 100 patients, 0.81 at 1,000, 0.94 at 3,000.
METRICS: dict[str, Metric] = {
    "unigram_r2": Metric("fidelity", "R2", -INF, 1.0, "higher", 1.0, 100, HALO, headline=True, floor_at_least=0.5),
    "pair_r2": Metric("fidelity", "R2", -INF, 1.0, "higher", 1.0, 3000, HALO, headline=True, floor_at_least=0.5),
    "codes_per_visit": Metric("fidelity", "codes", 1.0, INF, "match", None, 1, "mean", headline=True),
    "codes_per_visit_w1": Metric("fidelity", "codes", 0.0, INF, "lower", 0.0, 100, LENGTHS),
    "codes_per_visit_tv": Metric("fidelity", "share", 0.0, 1.0, "lower", 0.0, 100, LENGTHS),
    "codes_per_visit_ks": Metric("fidelity", "share", 0.0, 1.0, "lower", 0.0, 100, LENGTHS),
    "visits_per_patient": Metric("fidelity", "visits", 1.0, INF, "match", None, 1, "mean", headline=True),
    "visits_per_patient_w1": Metric("fidelity", "visits", 0.0, INF, "lower", 0.0, 100, LENGTHS),
    "visits_per_patient_tv": Metric("fidelity", "share", 0.0, 1.0, "lower", 0.0, 100, LENGTHS),
    "visits_per_patient_ks": Metric("fidelity", "share", 0.0, 1.0, "lower", 0.0, 100, LENGTHS),
    "coverage": Metric("collapse", "ratio", 0.0, INF, "match", 1.0, 100, RAREFACTION, headline=True),
    "distinct_codes": Metric("collapse", "codes", 1.0, INF, "match", None, 1, "count", headline=True),
    "effective_codes": Metric("collapse", "ratio", 0.0, INF, "match", 1.0, 100, HILL, headline=True),
    "top_code_share": Metric("collapse", "share", 0.0, 1.0, "match", None, 1, UNIQUENESS),
    "categories_mean": Metric("collapse", "categories", 1.0, INF, "match", None, 1, "mean"),
    "categories_sd": Metric("collapse", "categories", 0.0, INF, "match", None, 2, "standard deviation", headline=True),
    "categories_modal_share": Metric("collapse", "share", 0.0, 1.0, "match", None, 1, "share of the mode"),
    "unique_patients": Metric("collapse", "share", 0.0, 1.0, "match", None, 1, UNIQUENESS, headline=True),
    "top_patient_share": Metric("collapse", "share", 0.0, 1.0, "match", None, 1, UNIQUENESS),
    "sex_violations": Metric("validity", "share", 0.0, 1.0, "lower", 0.0, 1, MCE, headline=True),
    "sex_rule_patients": Metric("validity", "share", 0.0, 1.0, "match", None, 1, MCE, beside="sex_violations"),
    "age_violations": Metric("validity", "share", 0.0, 1.0, "lower", 0.0, 1, MCE, headline=True),
    "age_rule_patients": Metric("validity", "share", 0.0, 1.0, "match", None, 1, MCE, beside="age_violations"),
    "repeated_codes": Metric("validity", "share", 0.0, 1.0, "lower", 0.0, 1, "visit = set of codes", headline=True),
}
HEADLINE = tuple(name for name, metric in METRICS.items() if metric.headline)


def function(name: str) -> Callable[..., float]:
    """The function of one metric; imports its module, and so numpy and pandas, only now."""
    return getattr(import_module(f"ehrgen.metrics.{METRICS[name].family}"), name)


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
        write_json(content, path)

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


def write_json(content: dict[str, Any], path: Path) -> None:
    """Write a mapping as JSON, keys sorted.

    Raises:
        ValueError: If a value is NaN or infinite.
    """
    with replacing(path) as temporary:
        text = json.dumps(content, indent=2, sort_keys=True, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")
