"""Frequencies of expected categories against those of the training split, by age bracket.

Axes: M positions whose next symbol is a code, C categories, G groups of positions, P patients of the training split.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from scipy import sparse
from torch import Tensor

from ehrgen.data.cohort import AGE_BRACKETS
from ehrgen.data.indicator import membership
from ehrgen.learning.batches import Batch
from ehrgen.learning.model.output import Output
from ehrgen.learning.objectives.expectation import UnknownLabelError, at_codes


def age_frequencies(out: Output, batch: Batch, training: Float[Tensor, "6 C"]) -> Float[Tensor, ""]:
    """Divergence of the expected category frequencies of each age bracket from the training split's, nats.

    Sum over the brackets of the batch of (share of code positions) x `divergence`. 0 if every bracket has its
    training frequencies; a model that expects the overall frequencies in each bracket, blind to age, pays the mutual
    information between category and bracket.

    Count noise: a batch shows few contexts of each bracket. Were a right model sure of every next code, a bracket
    with n positions would pay about (C' - 1) / (2n) for the C' categories usual in it, and the sum over brackets
    about 6 (C' - 1) / (2M); predictions spread over several codes pay less. That is not the model's fault, and its
    gradient pulls predictions towards the bracket's mean. Weighting brackets by their positions keeps a small one
    from having more than its part. Simulated patients, steps of 1,024 tokens: 0.30 in the first epoch, 0.075 for a
    model trained on LM alone, 0.065 in steps of 4,096; the true codes 1.8 and 1.2.

    Raises:
        NothingToScoreError: If no position is followed by a code.
        UnknownLabelError: If the batch holds a bracket without a training patient.

    Source:
        "Use age-specific code frequency matching", LOSS_ANALYSIS.md.
    """
    expected, chosen = at_codes(out, batch)
    bracket = batch.bracket[batch.patient[chosen]]
    positions = torch.bincount(bracket, minlength=len(training))
    there = positions > 0
    unknown = there & (training.sum(-1) == 0)
    if bool(unknown.any()):
        names = ", ".join(AGE_BRACKETS[i] for i in unknown.nonzero().squeeze(1).tolist())
        raise UnknownLabelError(f"the batch has patients of age {names}, the training split has none")
    total = torch.zeros_like(training).index_add(0, bracket, expected)
    mean = total[there] / positions[there, None]
    share = positions[there] / positions.sum()
    return (share * divergence(mean, positions[there], training[there])).sum()


def divergence(
    expected: Float[Tensor, "G C"], positions: Int[Tensor, " G"], training: Float[Tensor, "G C"]
) -> Float[Tensor, " G"]:
    """Kullback-Leibler divergence KL(training || q) of each group, nats; 0 if expected = training, at most log(n + 1).

    q = (n expected + training) / (n + 1): one position more, at the training frequencies, so that a category that
    none of n positions can give costs what n positions say and not infinity. This direction, because it is the one
    that notices a category the model has dropped.

    Example:
        >>> half, one = torch.tensor([[0.5, 0.5]]), torch.tensor([[1.0, 0.0]])
        >>> round(divergence(one, torch.tensor([1]), half).item(), 4)  # KL of 1/2, 1/2 from 3/4, 1/4
        0.1438

    Source:
        Kullback and Leibler (1951), On Information and Sufficiency.
    """
    n = positions[:, None]
    q = (n * expected + training) / (n + 1)
    floor = torch.finfo(q.dtype).tiny  # where both are 0, so that the gradient is 0 and not 0 / 0
    return (torch.xlogy(training, training) - torch.xlogy(training, q.clamp(min=floor))).sum(-1)


def by_bracket(counts: sparse.csr_array, bracket: Int[ndarray, " P"]) -> Float[ndarray, "6 C"]:
    """Category frequencies of each age bracket, rows that sum to 1; a row of 0 for a bracket without a patient."""
    total = (membership(bracket, len(AGE_BRACKETS)) @ counts).toarray()
    return (total / total.sum(axis=1, keepdims=True).clip(min=1)).astype(np.float32)
