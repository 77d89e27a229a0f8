"""What may be published about counts of real patients: nothing that tells that there were 1 to 10 of them."""

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from ehrgen.data.quality import SMALLEST_SHOWN
from ehrgen.metrics.suite import rounded

Published = list[float | None]


def small(patients: Int[ndarray, "..."]) -> Bool[ndarray, "..."]:
    """Which counts are 1 to 10.

    Example:
        >>> small(np.array([0, 1, 10, 11])).tolist()
        [False, True, True, False]
    """
    return (patients > 0) & (patients < SMALLEST_SHOWN)


def small_of_whole(patients: Int[ndarray, " n"]) -> Bool[ndarray, " n"]:
    """As `small`, of parts that make up a known whole: what is hidden must not follow from the rest.

    Where the hidden parts hold fewer than 11 patients together, the next smallest part is hidden with them.

    Example:
        >>> small_of_whole(np.array([3, 50, 20, 0])).tolist()
        [True, False, True, False]
        >>> small_of_whole(np.array([6, 7, 50, 0])).tolist()
        [True, True, False, False]
    """
    hidden = small(patients)
    while small(patients[hidden].sum(keepdims=True)).any() and (rest := np.flatnonzero(~hidden & (patients > 0))).size:
        hidden[rest[patients[rest].argmin()]] = True
    return hidden


def published(values: Float[ndarray, " n"], hidden: Bool[ndarray, " n"]) -> Published:
    """The values, rounded, as JSON can hold them; None where hidden or not a number."""
    unknown = hidden | ~np.isfinite(values)
    return [None if gone else rounded(float(value)) for value, gone in zip(values, unknown, strict=True)]
