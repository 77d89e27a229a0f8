"""What may be published about real patients: no count that tells that there were 1 to 10, no age over 90."""

import numpy as np
from jaxtyping import Bool, Int
from numpy import ndarray

SMALLEST_SHOWN = 11
OLDEST_PUBLISHED = 90.0


def shown(count: int) -> int | str:
    """The count as it may be shown: "<11" for 1 to 10.

    Example:
        >>> shown(0), shown(10), shown(11)
        (0, '<11', 11)
    """
    return f"<{SMALLEST_SHOWN}" if 0 < count < SMALLEST_SHOWN else count


def small(patients: Int[ndarray, "..."]) -> Bool[ndarray, "..."]:
    """Which counts are 1 to 10.

    Example:
        >>> small(np.array([0, 1, 10, 11])).tolist()
        [False, True, True, False]
    """
    return (patients > 0) & (patients < SMALLEST_SHOWN)


def small_of_whole(patients: Int[ndarray, " n"]) -> Bool[ndarray, " n"]:
    """As `small`, of parts that make up a known whole: what is hidden must not follow from the rest.

    The sum of the hidden parts does follow. The next smallest part is hidden with them as long as that sum would leave
    any of them fewer values than 1 to 10: the most that one of k parts can hold is the sum less 1 for each other.

    Example:
        >>> small_of_whole(np.array([3, 50, 20, 0])).tolist()
        [True, False, True, False]
        >>> small_of_whole(np.array([6, 7, 50, 0])).tolist()
        [True, True, False, False]
        >>> small_of_whole(np.array([1] * 11 + [50, 60])).tolist()[-2:]
        [True, False]
    """
    hidden = small(patients)
    while hidden.any() and (rest := np.flatnonzero(~hidden & (patients > 0))).size:
        if patients[hidden].sum() - (hidden.sum() - 1) >= SMALLEST_SHOWN - 1:
            break
        hidden[rest[patients[rest].argmin()]] = True
    return hidden
