"""Variety at equal sample size: what a random part of a cohort's code tokens would show, in expectation.

Distinct codes and plug-in entropy grow with the sample, so of two cohorts the larger is thinned to the tokens
of the smaller. Expectations are exact (how often a code is drawn is hypergeometric), hence no seed.
"""

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.special import gammaln


def distinct(counts: Int[ndarray, " V"], tokens: int) -> float:
    """Expected number of distinct codes among `tokens` drawn without replacement.

    Example:
        >>> round(distinct(np.array([2, 2]), 2), 4)  # 4 of the 6 possible draws hold both codes
        1.6667

    Source:
        Hurlbert (1971), The nonconcept of species diversity. https://doi.org/10.2307/1934145
    """
    present, total = counts[counts > 0], int(counts.sum())
    can_miss = present[total - present >= tokens]
    log_all = _log_choose(np.array(total), np.array(tokens))
    log_miss = _log_choose(total - can_miss, np.array(tokens))
    return float(len(present) - np.exp(log_miss - log_all).sum())


def effective(counts: Int[ndarray, " V"], tokens: int) -> float:
    """exp of the expected entropy of `tokens` drawn without replacement: 1 to V equally frequent codes.

    Example:
        >>> round(effective(np.array([5, 5, 0]), 10), 4)
        2.0

    Source:
        Hill (1973), order 1. https://doi.org/10.2307/1934352
    """
    total = int(counts.sum())
    size, codes = np.unique(counts[counts > 0], return_counts=True)
    row, k = _likely_draws(size, total, tokens)
    log_ways = _log_choose(size[row], k)
    log_rest = _log_choose(total - size[row], tokens - k)
    log_all = _log_choose(np.array(total), np.array(tokens))
    share = k / tokens
    return float(np.exp(-(codes[row] * np.exp(log_ways + log_rest - log_all) * share * np.log(share)).sum()))


def _likely_draws(size: Int[ndarray, " S"], total: int, tokens: int) -> tuple[Int[ndarray, " D"], Int[ndarray, " D"]]:
    """For each code count the numbers k >= 1 of it that a draw may hold, as (index into `size`, k).

    Within 12 standard deviations and 12 of the mean: the rest has a chance below 1e-15, and leaving it out keeps
    the work far below (distinct counts) x (largest count).
    """
    mean = size * (tokens / total)
    reach = 12 * np.sqrt(mean * (1 - tokens / total)) + 12
    low = np.maximum(np.floor(mean - reach).astype(np.int64), np.maximum(1, tokens - (total - size)))
    high = np.minimum(np.ceil(mean + reach).astype(np.int64), np.minimum(size, tokens))
    width = np.maximum(high - low + 1, 0)
    row = np.repeat(np.arange(len(size)), width)
    return row, low[row] + np.arange(len(row)) - (np.cumsum(width) - width)[row]


def _log_choose(top: Int[ndarray, "..."], bottom: Int[ndarray, "..."]) -> Float[ndarray, "..."]:
    """ln of the number of ways to choose `bottom` of `top`."""
    return np.asarray(gammaln(top + 1) - gammaln(bottom + 1) - gammaln(top - bottom + 1))
