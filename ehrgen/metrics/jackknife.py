"""How far a metric moves when other patients are drawn: the delete-a-group jackknife.

Both sides lose a fifth of their patients at a time, so that the standard error counts the chance in either sample. The
five values share most of their patients and differ little; the factor in `standard_error` makes up for that.

Source:
    Kott (2001), The delete-a-group jackknife, Journal of Official Statistics 17 (4).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from ehrgen.core.files import write_json
from ehrgen.data.cohort import Cohort
from ehrgen.metrics.evaluation import EvaluationData, computed
from ehrgen.metrics.table.scores import rounded
from ehrgen.metrics.table.suite import METRICS, NotJudged

GROUPS = 5


def standard_errors(data: EvaluationData, seed: int) -> dict[str, float]:
    """Metric -> standard error over samples of patients, in its unit; absent where a group left it without a value.

    The metric's own least number of patients is not asked for: what counts is how the values differ, not what they are.
    """
    group = np.random.default_rng([seed, 3]).permutation(len(data)) % GROUPS
    without = [_values(_of_rows(data, group != left_out)) for left_out in range(GROUPS)]
    everywhere = [name for name in METRICS if all(name in values for values in without)]
    return {name: standard_error([values[name] for values in without]) for name in everywhere}


def save(errors: Mapping[str, float], path: Path) -> None:
    """Write the standard errors as JSON, rounded."""
    shown = {name: rounded(error) for name, error in errors.items()}
    write_json({"groups": GROUPS, "standard_error": shown}, path, sort_keys=True)


def standard_error(values: Sequence[float]) -> float:
    """Standard error from the values without one group each.

    Example:
        >>> standard_error([2.0, 4.0])  # sqrt(1/2 x (1 + 1))
        1.0
    """
    groups = len(values)
    return float(np.sqrt((groups - 1) / groups * np.square(np.subtract(values, np.mean(values))).sum()))


def _values(data: EvaluationData) -> dict[str, float]:
    values = {}
    for name in METRICS:
        try:
            values[name] = computed(name, data)
        except NotJudged:  # its reason is that of the whole sample, which `evaluate` reports
            continue
    return values


def _of_rows(data: EvaluationData, keep: Bool[ndarray, " n"]) -> EvaluationData:
    train = None if data.train is None else _rows(data.train, keep)
    return replace(data, heldout=_rows(data.heldout, keep), synthetic=_rows(data.synthetic, keep), train=train)


def _rows(cohort: Cohort, keep: Bool[ndarray, " n"]) -> Cohort:
    return cohort.take(cohort.patients["patient_id"].to_numpy()[keep])
