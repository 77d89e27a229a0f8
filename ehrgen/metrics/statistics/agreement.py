"""How well two lists of numbers agree: explained variance, rank correlation, divergence.

Axes: V codes, or whatever the numbers stand for. Ranks and entropy are scipy's. The rest is written out where a library
has no answer or another one: r2 is also needed of sums, as most pairs of codes are zeros that nobody stores; a
correlation with a constant is a reason to be printed here, a warning there; and scipy's jensenshannon, a root, is NaN
for two of five pairs of equal distributions, whose divergence rounds to just below 0.
"""

import numpy as np
from jaxtyping import Num
from numpy import ndarray
from scipy.stats import entropy, rankdata

from ehrgen.metrics.table.suite import NotJudged


def r2(p: Num[ndarray, " V"], q: Num[ndarray, " V"], what: str) -> float:
    """Share of the variance of `p` that `q` explains, 1 - sum (p - q)^2 / sum (p - mean p)^2, up to 1.

    Args:
        what: What the numbers stand for, to be named where they do not vary.

    Raises:
        NotJudged: If there is no number, or all of `p` are equal.

    Example:
        >>> r2(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0]), "code")
        0.5
    """
    residual, total, squares = (float(values.sum()) for values in ((p - q) ** 2, p, p**2))
    return r2_of_sums(residual, total, squares, len(p), what)


def r2_of_sums(residual: float, total: float, squares: float, size: int, what: str) -> float:
    """As `r2`, from sum (p - q)^2, sum p, sum p^2 and the number of entries: zeros need not be stored."""
    variance = squares - total**2 / size if size else 0.0
    if variance <= 1e-12 * squares:
        raise NotJudged(f"every {what} of the real sample is equally frequent, or there is none")
    return float(1 - residual / variance)


def smoothed_ratio(p: Num[ndarray, " V"], q: Num[ndarray, " V"], smoothing: float) -> Num[ndarray, " V"]:
    """(q + smoothing) / (p + smoothing) of two lists of counts, so that a few cases of chance make no large ratio.

    Example:
        >>> smoothed_ratio(np.array([20, 0]), np.array([145, 1]), 5).tolist()
        [6.0, 1.2]
    """
    return (q + smoothing) / (p + smoothing)


def correlation(x: Num[ndarray, " V"], y: Num[ndarray, " V"], what: str) -> float:
    """Pearson's correlation, -1 to 1.

    Raises:
        NotJudged: If either list is constant.
    """
    x, y = x - x.mean(), y - y.mean()
    scale = np.sqrt((x**2).sum() * (y**2).sum())
    if scale <= 1e-15:
        raise NotJudged(f"every {what} has the same value in one of the two cohorts: no correlation exists")
    return float(np.clip((x * y).sum() / scale, -1, 1))


def spearman(x: Num[ndarray, " V"], y: Num[ndarray, " V"], what: str) -> float:
    """Spearman's rank correlation, -1 to 1; ties share their mean rank.

    Raises:
        NotJudged: If either list is constant.

    Example:
        >>> spearman(np.array([1, 2, 3]), np.array([10, 30, 20]), "code")
        0.5
    """
    return correlation(rankdata(x), rankdata(y), what)


def jensen_shannon(first: Num[ndarray, " V"], second: Num[ndarray, " V"]) -> float:
    """Divergence in bits of two lists of counts, each turned into shares: 0 for equal, 1 for disjoint ones.

    H(m) - (H(p) + H(q)) / 2 with m = (p + q) / 2. No smoothing: absent codes cost what they should.

    Example:
        >>> jensen_shannon(np.array([1, 1, 0]), np.array([0, 0, 3]))
        1.0

    Source:
        Lin (1991), https://doi.org/10.1109/18.61115; scipy's function is the square root.
    """
    p, q = first / first.sum(), second / second.sum()
    between = entropy((p + q) / 2, base=2) - (entropy(p, base=2) + entropy(q, base=2)) / 2
    return float(np.clip(between, 0, 1))


def jensen_shannon_bias(codes: int, first: int, second: int) -> float:
    """What `jensen_shannon` shows, in bits, for two samples of one distribution with these numbers of tokens.

    An upper end: codes seen a few times only add less. It falls with the tokens, not with the quality of anything.

    Example:
        >>> round(jensen_shannon_bias(2000, 20_000, 20_000), 3)
        0.036
    """
    return float((codes - 1) * (1 / first + 1 / second) / (8 * np.log(2)))
