"""The one table of metrics; imports neither numpy nor pandas.

A metric is a pure function of the same name as its entry here, in the module of `families` that is named after its
family: `(heldout, synthetic) -> float`, or of whatever parts of the `EvaluationData` its entry says it `uses`, in that
order. All cohorts have equally many patients.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

VACUOUS = "vacuous"  # opens the reason of a rate without a denominator


class NotJudged(ValueError):  # noqa: N818 - an outcome with a reason, not a failure
    """A metric that has no value for these cohorts; the message is the reason, fit to be printed."""


@dataclass(frozen=True)
class Metric:
    """One metric, without its function.

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
        uses: The parts of the `EvaluationData` that the function takes, in order.
        counts: The function of the same module, Cohort -> int, that says how many patients the value counts; of
            real patients, 1 to 10 are not published.
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
    counts: str = ""

    def gap(self, value: float, target: float) -> float:
        """How much worse than `target` a value is; below 0 if it is better, which it cannot be by `match`."""
        if self.better == "match":
            return abs(value - target)
        return target - value if self.better == "higher" else value - target


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
C2ST = "Lopez-Paz and Oquab (2017), Classifier two-sample tests, https://arxiv.org/abs/1610.06545"
RGAN = "Esteban et al. (2017), RGAN, https://arxiv.org/abs/1706.02633"
CARLINI = "Carlini et al. (2022), Membership inference attacks from first principles, https://arxiv.org/abs/2112.03570"
DOMIAS = "van Breugel et al. (2023), DOMIAS, https://arxiv.org/abs/2302.12580"
YALE = "Yale et al. (2020), https://doi.org/10.1016/j.neucom.2019.12.136"
PLATZER = "Platzer and Reutterer (2021), https://doi.org/10.3389/fdata.2021.679939"
MEDGAN = "Choi et al. (2017), medGAN, https://arxiv.org/abs/1703.06490"
EXTRACTION = "Carlini et al. (2021), Extracting training data, https://arxiv.org/abs/2012.07805"
NATS = "mean negative log-likelihood"
INTERVAL = "percentile bootstrap over patients"
INF = math.inf
TRAIN = ("heldout", "synthetic", "train")
TRUTH = ("synthetic", "truth")
STATED = ("likelihood",)
SIMULATOR = "ehrgen.data.simulation.simulator"

# Minimum: between two draws of one process pair R2 is -0.45 at 100 patients, 0.81 at 1,000, 0.94 at 3,000.
METRICS: dict[str, Metric] = {
    "unigram_r2": Metric("fidelity", "R2", -INF, 1.0, "higher", 1.0, 100, HALO, headline=True, floor_at_least=0.5),
    "unigram_spearman": Metric("fidelity", "correlation", -1.0, 1.0, "higher", 1.0, 100, SPEARMAN),
    "unigram_rmse": Metric("fidelity", "share", 0.0, 1.0, "lower", 0.0, 100, HALO),
    "unigram_log_r2": Metric("fidelity", "R2", -INF, 1.0, "higher", 1.0, 100, HALO),
    "unigram_js": Metric("fidelity", "bits", 0.0, 1.0, "lower", 0.0, 100, JS),
    "odd_code_ratio": Metric("fidelity", "ratio", 1.0, INF, "lower", 1.0, 500, "ratio of counts"),
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
    # Minimum: 1,100 patients for what counts 1 % of them, since fewer than 11 are not reported on.
    "c2st_auc": Metric("detection", "AUROC", 0.0, 1.0, "lower", 0.5, 100, C2ST, headline=True),
    "c2st_codes_auc": Metric("detection", "AUROC", 0.0, 1.0, "lower", 0.5, 100, C2ST),
    "c2st_structure_auc": Metric("detection", "AUROC", 0.0, 1.0, "lower", 0.5, 100, C2ST),
    "c2st_repeats_auc": Metric("detection", "AUROC", 0.0, 1.0, "lower", 0.5, 100, C2ST),
    "tstr_auroc": Metric("utility", "AUROC", 0.0, 1.0, "match", None, 500, RGAN, headline=True, floor_at_least=0.6),
    "tstr_auroc_half_width": Metric("utility", "AUROC", 0.0, 0.5, "match", None, 500, INTERVAL, beside="tstr_auroc"),
    "tstr_auprc": Metric("utility", "AUPRC", 0.0, 1.0, "match", None, 500, RGAN),
    "tstr_auprc_half_width": Metric("utility", "AUPRC", 0.0, 0.5, "match", None, 500, INTERVAL, beside="tstr_auprc"),
    "tstr_next_auroc": Metric("utility", "AUROC", 0.0, 1.0, "match", None, 500, RGAN, floor_at_least=0.6),
    "tstr_next_auprc": Metric("utility", "AUPRC", 0.0, 1.0, "match", None, 500, RGAN, beside="tstr_next_auroc"),
    "tstr_second_auroc": Metric("utility", "AUROC", 0.0, 1.0, "match", None, 500, RGAN, floor_at_least=0.6),
    "trts_auroc": Metric("utility", "AUROC", 0.0, 1.0, "match", None, 500, RGAN, floor_at_least=0.6, uses=TRAIN),
    "trts_auprc": Metric("utility", "AUPRC", 0.0, 1.0, "match", None, 500, RGAN, uses=TRAIN),
    "augmentation_auroc": Metric("utility", "AUROC", -1.0, 1.0, "match", None, 500, RGAN, uses=TRAIN),
    "augmentation_auprc": Metric("utility", "AUPRC", -1.0, 1.0, "match", None, 500, RGAN, uses=TRAIN),
    "membership_auc": Metric("privacy", "AUROC", 0.0, 1.0, "lower", 0.5, 100, CARLINI, headline=True, uses=TRAIN),
    "membership_auc_half_width": Metric(
        "privacy", "AUROC", 0.0, 0.5, "match", None, 100, INTERVAL, beside="membership_auc", uses=TRAIN
    ),
    "membership_tpr": Metric("privacy", "share", 0.0, 1.0, "lower", 0.01, 1100, CARLINI, uses=TRAIN),
    "density_membership_auc": Metric("privacy", "AUROC", 0.0, 1.0, "lower", 0.5, 100, DOMIAS, uses=TRAIN),
    "density_membership_tpr": Metric("privacy", "share", 0.0, 1.0, "lower", 0.01, 1100, DOMIAS, uses=TRAIN),
    "adversarial_accuracy": Metric("privacy", "share", 0.0, 1.0, "match", None, 100, YALE, uses=TRAIN),
    "nnaar": Metric("privacy", "share", -1.0, 1.0, "lower", 0.0, 100, YALE, uses=TRAIN),
    "dcr_share": Metric("privacy", "share", 0.0, 1.0, "lower", 0.5, 100, PLATZER, uses=TRAIN),
    "attribute_inference": Metric("privacy", "F1", -1.0, 1.0, "lower", 0.0, 100, MEDGAN, uses=TRAIN),
    "memorised_records": Metric("privacy", "share", -1.0, 1.0, "lower", 0.0, 100, EXTRACTION, uses=TRAIN),
    "memorised_run": Metric("privacy", "visits", -INF, INF, "lower", 0.0, 100, EXTRACTION, uses=TRAIN),
    "nll_per_code": Metric("likelihood", "nats", 0.0, INF, "lower", None, 11, NATS, uses=STATED),
    "bits_per_patient": Metric("likelihood", "bits", 0.0, INF, "lower", None, 11, NATS, uses=STATED),
    "likelihood_membership_auc": Metric("likelihood", "AUROC", 0.0, 1.0, "lower", 0.5, 100, CARLINI, uses=STATED),
    "likelihood_membership_tpr": Metric("likelihood", "share", 0.0, 1.0, "lower", 0.01, 1100, CARLINI, uses=STATED),
}
FAMILIES = tuple(dict.fromkeys(metric.family for metric in METRICS.values()))
OF_FIRST_SAMPLE = ("utility", "privacy")
AVERAGED = tuple(
    name
    for name, metric in METRICS.items()
    if "synthetic" in metric.uses and metric.family not in OF_FIRST_SAMPLE and metric.unit != "p-value"
)
"""What is measured of every sample of a generator and averaged. What others can learn from a cohort, or attack it with,
they take from the one that is released: that is measured of the first. So is a p value, of which a mean is none.
Likelihoods know no sample."""
HEADLINE = tuple(name for name, metric in METRICS.items() if metric.headline)


def function(name: str) -> Callable[..., float]:
    """The function of one metric; imports its module, and so numpy and pandas, only now."""
    return getattr(import_module(f"ehrgen.metrics.families.{METRICS[name].family}"), name)


def count(name: str) -> Callable[[Any], int]:
    """The function that says how many patients the value of this metric counts; only for metrics that have one."""
    return getattr(import_module(f"ehrgen.metrics.families.{METRICS[name].family}"), METRICS[name].counts)
