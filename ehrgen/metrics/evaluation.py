"""All metrics of one synthetic cohort, at equal numbers of patients."""

import numpy as np

from ehrgen.data.cohort import Cohort
from ehrgen.metrics.suite import METRICS, NotJudged, Scores, function


def equal_samples(real: Cohort, synthetic: Cohort, patients: int, seed: int) -> tuple[Cohort, Cohort]:
    """As many patients of each, at most `patients`: almost every metric depends on the sample's size.

    The real sample depends on the seed and the size alone, so that every run meets the same real patients.
    """
    n = min(patients, len(real), len(synthetic))
    return real.sample(n, np.random.default_rng([seed, 0])), synthetic.sample(n, np.random.default_rng([seed, 1]))


def evaluate(real: Cohort, synthetic: Cohort) -> Scores:
    """Every metric of the suite, or the reason why it has no value.

    Raises:
        ValueError: If the cohorts differ in size.
    """
    n = len(real)
    if len(synthetic) != n:
        raise ValueError(f"{n} real and {len(synthetic)} synthetic patients do not compare; sample equally many")
    values, reasons = {}, {}
    for name, metric in METRICS.items():
        if n < metric.minimum:
            reasons[name] = f"floor too low to judge: needs {metric.minimum:,} patients, has {n:,}"
            continue
        try:
            values[name] = function(name)(real, synthetic)
        except NotJudged as reason:
            reasons[name] = str(reason)
    return Scores(values, reasons, n)
