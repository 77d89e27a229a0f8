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
from typing import Any, Self

from ehrgen.core.files import write_json
from ehrgen.metrics.table.entries import USES_AND_RISKS
from ehrgen.metrics.table.metric import Metric

VACUOUS = "vacuous"  # opens the reason of a rate without a denominator
SIGNIFICANT_DIGITS = 4  # beyond that a repeated run shows jitter as a change


class NotJudged(ValueError):  # noqa: N818 - an outcome with a reason, not a failure
    """A metric that has no value for these cohorts; the message is the reason, fit to be printed."""


class ScoresError(ValueError):
    """A file of metric values that cannot be read; the message says which and what to do."""


HALO = "Theodorou et al. (2023), HALO, https://doi.org/10.1038/s41467-023-41093-0"
SPEARMAN = "scipy.stats.spearmanr"
JS = "Lin (1991), Divergence measures based on the Shannon entropy, https://doi.org/10.1109/18.61115"
PHI = "Yan et al. (2022), A multifaceted benchmarking, https://doi.org/10.1038/s41467-022-35295-1"
LENGTHS = "SDMetrics KSComplement and TVComplement, https://docs.sdv.dev/sdmetrics; scipy.stats"
RAREFACTION = "Hurlbert (1971), The nonconcept of species diversity, https://doi.org/10.2307/1934145"
HILL = "Hill (1973), Diversity and evenness, https://doi.org/10.2307/1934352"
UNIQUENESS = "Li et al. (2016), A diversity-promoting objective, https://doi.org/10.18653/v1/N16-1014"
VENDI = "Friedman and Dieng (2023), The Vendi score, https://arxiv.org/abs/2210.02410"
SELF = "Zhu et al. (2018), Texygen, https://arxiv.org/abs/1802.01886"
PR = "Kynkaanniemi et al. (2019), Improved precision and recall, https://arxiv.org/abs/1904.06991"
PRDC = "Naeem et al. (2020), Reliable fidelity and diversity metrics, https://arxiv.org/abs/2002.09797"
GRETTON = "Gretton et al. (2012), A kernel two-sample test, https://jmlr.org/papers/v13/gretton12a.html"
MCE = "CMS, Definitions of Medicare Code Edits, version 32 (fiscal year 2015)"
INF = math.inf
TRAIN = ("heldout", "synthetic", "train")
TRUTH = ("synthetic", "truth")
SIMULATOR = "ehrgen.data.simulation.simulator"

# Minimum: between two draws of one process pair R2 is -0.45 at 100 patients, 0.81 at 1,000, 0.94 at 3,000.
METRICS: dict[str, Metric] = {
    "unigram_r2": Metric("fidelity", "R2", -INF, 1.0, "higher", 1.0, 100, HALO, headline=True, floor_at_least=0.5),
    "unigram_spearman": Metric("fidelity", "correlation", -1.0, 1.0, "higher", 1.0, 100, SPEARMAN),
    "unigram_rmse": Metric("fidelity", "share", 0.0, 1.0, "lower", 0.0, 100, HALO),
    "unigram_log_r2": Metric("fidelity", "R2", -INF, 1.0, "higher", 1.0, 100, HALO),
    "unigram_js": Metric("fidelity", "bits", 0.0, 1.0, "lower", 0.0, 100, JS),
    "pair_r2": Metric("fidelity", "R2", -INF, 1.0, "higher", 1.0, 3000, HALO, headline=True, floor_at_least=0.5),
    "pair_lift": Metric(
        "association", "correlation", -1.0, 1.0, "higher", 1.0, 1000, SPEARMAN, headline=True, floor_at_least=0.5
    ),
    "category_pair_lift": Metric(
        "association", "correlation", -1.0, 1.0, "higher", 1.0, 1000, SPEARMAN, floor_at_least=0.5
    ),
    "correlation_error": Metric("association", "phi", 0.0, 2.0, "lower", 0.0, 500, PHI),
    "codes_per_visit": Metric("lengths", "codes", 1.0, INF, "match", None, 1, "mean", headline=True),
    "codes_per_visit_w1": Metric("lengths", "codes", 0.0, INF, "lower", 0.0, 100, LENGTHS),
    "codes_per_visit_tv": Metric("lengths", "share", 0.0, 1.0, "lower", 0.0, 100, LENGTHS),
    "codes_per_visit_ks": Metric("lengths", "share", 0.0, 1.0, "lower", 0.0, 100, LENGTHS),
    "visits_per_patient": Metric("lengths", "visits", 1.0, INF, "match", None, 1, "mean"),
    "visits_per_patient_w1": Metric("lengths", "visits", 0.0, INF, "lower", 0.0, 100, LENGTHS),
    "visits_per_patient_tv": Metric("lengths", "share", 0.0, 1.0, "lower", 0.0, 100, LENGTHS),
    "visits_per_patient_ks": Metric("lengths", "share", 0.0, 1.0, "lower", 0.0, 100, LENGTHS),
    "sequential_pair_r2": Metric("sequence", "R2", -INF, 1.0, "higher", 1.0, 3000, HALO, floor_at_least=0.3),
    "repeated_code_r2": Metric("sequence", "R2", -INF, 1.0, "higher", 1.0, 1000, HALO, floor_at_least=0.5),
    "new_code_r2": Metric("sequence", "R2", -INF, 1.0, "higher", 1.0, 1000, HALO, floor_at_least=0.5),
    "repeated_share": Metric("sequence", "share", 0.0, 1.0, "match", None, 100, "ratio of counts"),
    "persistence": Metric(
        "sequence", "correlation", -1.0, 1.0, "higher", 1.0, 1000, "Pearson", headline=True, floor_at_least=0.5
    ),
    "persistence_bias": Metric("sequence", "share", -1.0, 1.0, "match", 0.0, 1000, "mean difference"),
    "cell_r2": Metric("conditioning", "R2", -INF, 1.0, "higher", 1.0, 500, HALO, headline=True, floor_at_least=0.5),
    "sex_probe": Metric("conditioning", "ratio", -INF, INF, "match", 1.0, 500, "naive Bayes", uses=TRAIN),
    "age_probe": Metric("conditioning", "ratio", -INF, INF, "match", 1.0, 500, "naive Bayes", uses=TRAIN),
    "sex_contrast": Metric("conditioning", "ratio", -INF, INF, "match", 1.0, 500, JS),
    "truth_r2": Metric("truth", "R2", -INF, INF, "match", 1.0, 100, SIMULATOR, uses=TRUTH),
    "truth_conditioning_r2": Metric("truth", "R2", -INF, INF, "match", 1.0, 100, SIMULATOR, uses=TRUTH),
    "coverage": Metric("collapse", "ratio", 0.0, INF, "match", 1.0, 100, RAREFACTION, headline=True),
    "distinct_codes": Metric("collapse", "codes", 1.0, INF, "match", None, 1, "count"),
    "effective_codes": Metric("collapse", "ratio", 0.0, INF, "match", 1.0, 100, HILL),
    "top_code_share": Metric("collapse", "share", 0.0, 1.0, "match", None, 1, UNIQUENESS, counts="top_code_patients"),
    "categories_mean": Metric("collapse", "categories", 1.0, INF, "match", None, 1, "mean"),
    "categories_sd": Metric("collapse", "categories", 0.0, INF, "match", None, 2, "standard deviation"),
    "categories_modal_share": Metric(
        "collapse", "share", 0.0, 1.0, "match", None, 1, "share of the mode", counts="categories_modal_patients"
    ),
    "unique_patients": Metric("collapse", "share", 0.0, 1.0, "match", None, 1, UNIQUENESS, headline=True),
    "top_patient_share": Metric(
        "collapse", "share", 0.0, 1.0, "match", None, 1, UNIQUENESS, counts="top_record_patients"
    ),
    "tail_mass": Metric("variety", "share", 0.0, 1.0, "match", None, 100, "arXiv 2606.06990", uses=TRAIN),
    "tail_recall": Metric("variety", "share", 0.0, 1.0, "match", None, 100, "arXiv 2606.06990", uses=TRAIN),
    "effective_codes_order2": Metric("variety", "ratio", 0.0, INF, "match", 1.0, 100, HILL),
    "chapter_effective_codes": Metric("variety", "ratio", 0.0, 1.0, "higher", 1.0, 100, HILL),
    "vendi": Metric("variety", "ratio", 0.0, INF, "match", 1.0, 100, VENDI),
    "self_similarity": Metric("variety", "ratio", 0.0, INF, "match", 1.0, 100, SELF),
    "precision": Metric("geometry", "share", 0.0, 1.0, "match", None, 100, PR, uses=TRAIN),
    "recall": Metric("geometry", "share", 0.0, 1.0, "match", None, 100, PR, uses=TRAIN),
    "density": Metric("geometry", "ratio", 0.0, INF, "match", None, 100, PRDC, uses=TRAIN),
    "ball_coverage": Metric("geometry", "share", 0.0, 1.0, "match", None, 100, PRDC, uses=TRAIN),
    "mmd": Metric("geometry", "MMD squared", -2.0, 2.0, "lower", 0.0, 100, GRETTON, uses=TRAIN),
    "mmd_p": Metric("geometry", "p-value", 0.0, 1.0, "match", None, 100, GRETTON, uses=TRAIN),
    "sex_violations": Metric(
        "validity", "share", 0.0, 1.0, "lower", 0.0, 1, MCE, headline=True, counts="sex_rule_breakers"
    ),
    "sex_rule_patients": Metric(
        "validity", "share", 0.0, 1.0, "match", None, 1, MCE, beside="sex_violations", counts="sex_rule_bearers"
    ),
    "age_violations": Metric("validity", "share", 0.0, 1.0, "lower", 0.0, 1, MCE, counts="age_rule_breakers"),
    "age_rule_patients": Metric(
        "validity", "share", 0.0, 1.0, "match", None, 1, MCE, beside="age_violations", counts="age_rule_bearers"
    ),
    "repeated_codes": Metric(
        "validity", "share", 0.0, 1.0, "lower", 0.0, 1, "visit = set of codes", counts="repeating_patients"
    ),
    **USES_AND_RISKS,
}
FAMILIES = tuple(dict.fromkeys(metric.family for metric in METRICS.values()))
HEADLINE = tuple(name for name, metric in METRICS.items() if metric.headline)


def function(name: str) -> Callable[..., float]:
    """The function of one metric; imports its module, and so numpy and pandas, only now."""
    return getattr(import_module(f"ehrgen.metrics.families.{METRICS[name].family}"), name)


def count(name: str) -> Callable[[Any], int]:
    """The function that says how many patients the value of this metric counts; only for metrics that have one."""
    return getattr(import_module(f"ehrgen.metrics.families.{METRICS[name].family}"), METRICS[name].counts)


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
