"""A plain classifier of codes, trained on real patients: what their codes say about sex or age.

Naive Bayes, because it has nothing to tune, is trained in milliseconds, and reads single codes: what it finds in
synthetic patients is what stands in their codes. Axes: P patients, V codes, C classes.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy import sparse

from ehrgen.data.indicator import membership

SMOOTHING = 5  # patients' worth of the overall code frequencies added to each class


@dataclass(frozen=True)
class Probe:
    """P(code | class) as what each code present adds to the log-odds of a class, and what an empty record has."""

    weights: Float[ndarray, "V C"]
    offset: Float[ndarray, " C"]

    @classmethod
    def train(cls, codes: sparse.csr_array, label: Int[ndarray, " P"], classes: int) -> Self:
        """The probe of these patients; all classes count as equally frequent.

        Smoothing pulls towards the overall frequency of the code, not towards one half, else every rare code would
        speak for the smallest class.
        """
        size = np.bincount(label, minlength=classes)
        overall = (codes.sum(axis=0) + 0.5) / (len(label) + 1)
        share = ((membership(label, classes) @ codes).toarray() + SMOOTHING * overall) / (size[:, None] + SMOOTHING)
        return cls((np.log(share) - np.log1p(-share)).T, np.log1p(-share).sum(axis=1))

    def balanced_accuracy(self, codes: sparse.csr_array, label: Int[ndarray, " P"]) -> float:
        """Share of patients put into their class, averaged over the classes present, 0 to 1.

        A patient whose best classes tie counts in parts: one half for two.
        """
        score = codes @ self.weights + self.offset
        best = score == score.max(axis=1, keepdims=True)
        right = best[np.arange(len(label)), label] / best.sum(axis=1)
        size = np.bincount(label)
        return float((np.bincount(label, weights=right)[size > 0] / size[size > 0]).mean())
