"""Against collapse: how far the categories a model expects over a whole batch are from what training shows.

Axes: C categories.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from ehrgen.learning.batches import Batch
from ehrgen.learning.model.output import Output
from ehrgen.learning.objectives.expectation import at_codes
from ehrgen.learning.objectives.matching import divergence


def unigram(out: Output, batch: Batch, training: Float[Tensor, " C"]) -> Float[Tensor, ""]:
    """Divergence of the batch's mean expected categories from the training frequencies, nats; 0 to log(positions + 1).

    KL(training || mean of P(c | a code comes)). Calibrated: it is 0 at the training frequencies and only there, so
    that noise is not rewarded. A model that expects every category equally pays log C less the entropy of the
    training frequencies; one that has dropped a category pays for it in proportion to its frequency. It sees
    means alone: a model that gives every patient the unigram frequencies has value 0 too. Count noise adds to it as
    to `matching.age_frequencies`: trained on LM alone, steps of 1,024 tokens, it rises from 0.02 nats in the first
    epoch to 0.08, because predictions come to depend on what they follow. Values of that size are no collapse.

    Raises:
        NothingToScoreError: If no position is followed by a code.

    Source:
        "Add explicit diversity loss: penalize low vocabulary coverage", LOSS_ANALYSIS.md.
    """
    expected, chosen = at_codes(out, batch)
    return divergence(expected.mean(0, keepdim=True), chosen.sum()[None], training[None]).squeeze(0)


def rare(out: Output, batch: Batch, commonness: Float[Tensor, " C"]) -> Float[Tensor, ""]:
    """Expected commonness of the next code's category, nats above that of the rarest; 0 if only the rarest is expected.

    Mean over code positions of sum_c P(c | a code comes) x commonness(c). It rewards rare codes whether they fit or
    not: its lowest value is had by naming the rarest category always, which is noise and a collapse at once. Chance
    is the mean commonness of training codes.

    Raises:
        NothingToScoreError: If no position is followed by a code.

    Source:
        "Reward generating rare codes", LOSS_ANALYSIS.md.
    """
    expected, _ = at_codes(out, batch)
    return (expected * commonness).sum(-1).mean()


def commonness(counts: Float[ndarray, " C"]) -> Float[ndarray, " C"]:
    """log((count + 1) / (smallest count + 1)) of each category, nats, 0 for the rarest.

    Example:
        >>> np.exp(commonness(np.array([0.0, 1.0, 7.0]))).round().tolist()
        [1.0, 2.0, 8.0]
    """
    return np.log((counts + 1) / (counts.min() + 1)).astype(np.float32)
