"""How well a score puts the positives before the negatives; ties count one half.

Axes: n cases, B resamples, each a number of times that every case was drawn.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

RESAMPLES, QUANTILES = 200, (2.5, 97.5)
CASES = 500_000  # of all resamples at a time: 4 MB a table


def auroc(positive: Bool[ndarray, " n"], score: Float[ndarray, " n"]) -> float:
    """P(a positive scores above a negative) + half of P(equal): 0 to 1, 0.5 for a coin.

    Raises:
        ValueError: If all cases are of one class.

    Example:
        >>> auroc(np.array([True, True, False]), np.array([2.0, 1.0, 1.0]))  # one pair won, one tied
        0.75
    """
    return float(auroc_of_resamples(positive, score, np.ones((1, len(score)), np.int64))[0])


def average_precision(positive: Bool[ndarray, " n"], score: Float[ndarray, " n"]) -> float:
    """Mean precision at the score of each positive, equal scores taken together: 0 to 1, for a coin the prevalence.

    Raises:
        ValueError: If all cases are of one class.

    Example:
        >>> average_precision(np.array([True, False, True]), np.array([3.0, 2.0, 1.0]))  # (1 + 2/3) / 2
        0.8333333333333333
    """
    return float(average_precision_of_resamples(positive, score, np.ones((1, len(score)), np.int64))[0])


def tpr_at_fpr(positive: Bool[ndarray, " n"], score: Float[ndarray, " n"], fpr: float) -> float:
    """Share of positives found where `fpr` of the negatives are taken for positives, 0 to 1.

    Between two thresholds the curve is a straight line, as if ties were broken by a coin.

    Raises:
        ValueError: If all cases are of one class.

    Example:
        >>> tpr_at_fpr(np.array([True, True, False, False]), np.array([3.0, 1.0, 2.0, 1.0]), 0.5)
        0.5
    """
    (counts,) = _hits_and_alarms(positive, score, np.ones((1, len(score)), np.int64))
    hits, alarms = (np.append(0, count[0]) / count[0, -1] for count in counts)
    below = int(np.searchsorted(alarms, fpr, side="right")) - 1
    if alarms[below] == fpr or below == len(alarms) - 1:
        return float(hits[below])
    part = (fpr - alarms[below]) / (alarms[below + 1] - alarms[below])
    return float(hits[below] + part * (hits[below + 1] - hits[below]))


def auroc_of_resamples(
    positive: Bool[ndarray, " n"], score: Float[ndarray, " n"], times: Int[ndarray, "B n"]
) -> Float[ndarray, " B"]:
    """`auroc` of every resample.

    Raises:
        ValueError: If a resample has cases of one class alone.
    """
    values = []
    for hits, alarms in _hits_and_alarms(positive, score, times):
        new_alarms = np.diff(alarms, axis=1, prepend=0)
        halfway = hits - np.diff(hits, axis=1, prepend=0) / 2
        values.append((halfway * new_alarms).sum(axis=1) / (hits[:, -1] * alarms[:, -1]))
    return np.concatenate(values)


def average_precision_of_resamples(
    positive: Bool[ndarray, " n"], score: Float[ndarray, " n"], times: Int[ndarray, "B n"]
) -> Float[ndarray, " B"]:
    """`average_precision` of every resample.

    Raises:
        ValueError: If a resample has cases of one class alone.
    """
    values = []
    for hits, alarms in _hits_and_alarms(positive, score, times):
        precision = hits / np.maximum(hits + alarms, 1)
        values.append((precision * np.diff(hits, axis=1, prepend=0)).sum(axis=1) / hits[:, -1])
    return np.concatenate(values)


def half_width(values: Float[ndarray, " B"]) -> float:
    """Half the width of the central 95 % of the resampled values."""
    low, high = np.percentile(values, QUANTILES)
    return float((high - low) / 2)


def _hits_and_alarms(
    positive: Bool[ndarray, " n"], score: Float[ndarray, " n"], times: Int[ndarray, "B n"]
) -> Iterator[tuple[Int[ndarray, "b S"], Int[ndarray, "b S"]]]:
    """Positives and negatives at or above each distinct score, the highest score first; some resamples at a time."""
    order = np.argsort(-score, kind="stable")
    last = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    step = max(1, CASES // len(score))
    for first in range(0, len(times), step):
        drawn = times[first : first + step, order]
        hits, alarms = (np.cumsum(drawn * kind[order], axis=1)[:, last] for kind in (positive, ~positive))
        if (np.minimum(hits[:, -1], alarms[:, -1]) == 0).any():
            cases = f"{int(positive.sum())} of {len(positive)} cases are positive"
            raise ValueError(f"{cases}: a ranking needs both classes")
        yield hits, alarms
