"""Age and sex that can be met through the codes alone: a fixed classifier reads the codes the model expects.

The analysed heads read decoder states, and every state attends to the prompt that holds the answer. Here the label
is predicted from expected category shares by a classifier that was fitted on observed training histories before
training and does not learn, so the only way to lower the loss is to expect codes that fit the patient.

What is given up: codes of one category are not told apart, and histories are read as teacher forcing reads them, each
next code after the true ones. Expected shares hold less chance than drawn codes, so a faithful model can cost less than
observed histories do (simulated patients not trained on, LM alone: age 0.70 nats, their own codes 0.81; sex 0.599 and
0.603). What is lower still is had by exaggerating what is typical of an age or a sex: 0 is not where to end.

Axes: B patients, C categories, L labels, P patients of the training split.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from scipy import sparse
from torch import Tensor
from torch.nn.functional import cross_entropy

from ehrgen.learning.batches import Batch
from ehrgen.learning.model.output import Output
from ehrgen.learning.objectives.expectation import UnknownLabelError, before_codes

INVERSE_PENALTY = 10.0
"""Of the L2 penalty (C of scikit-learn). Fitted on 5,280 simulated patients and 739 categories, of 0.03 to 100 it has
about the lowest log-loss on others: sex 0.592 nats (knowing the frequencies: 0.681), age 0.840 (1.441). Counts in
place of shares reach 0.586 and 0.830, but grow with the history: of long ones a classifier of counts is too sure."""
ITERATIONS = 1000  # the fits above take 129


def age(out: Output, batch: Batch, weight: Float[Tensor, "C L"], bias: Float[Tensor, " L"]) -> Float[Tensor, ""]:
    """Cross-entropy of the age bracket given the codes the model expects, nats a patient; chance is ln 6 = 1.792.

    -log softmax(s W + b) at the patient's bracket, where s_c is the mean of P(c | a code comes) over the positions of
    the patient at which a code comes. Knowing only how frequent brackets are costs their entropy.

    Raises:
        UnknownLabelError: If a patient is of a bracket without a training patient.

    Source:
        A fixed classifier as judge of what is generated: Hu et al. (2017), Toward Controlled Generation of Text.
    """
    return _of_label(out, batch, batch.bracket, weight, bias)


def sex(out: Output, batch: Batch, weight: Float[Tensor, "C L"], bias: Float[Tensor, " L"]) -> Float[Tensor, ""]:
    """Cross-entropy of the sex given the codes the model expects, nats a patient; chance is ln 2 = 0.693.

    The formula of `age`, with W and b fitted to sex.

    Raises:
        UnknownLabelError: If a patient is of a sex without a training patient.

    Source:
        That of `age`.
    """
    return _of_label(out, batch, batch.sex, weight, bias)


def _of_label(
    out: Output,
    batch: Batch,
    label: Int[Tensor, " B"],
    weight: Float[Tensor, "C L"],
    bias: Float[Tensor, " L"],
) -> Float[Tensor, ""]:
    unknown = bias[label].isinf()
    if bool(unknown.any()):
        labels = ", ".join(map(str, label[unknown].unique().tolist()))
        raise UnknownLabelError(
            f"{int(unknown.sum())} of {len(label)} patients have a label (index {labels}) without a training patient"
        )
    chosen = before_codes(batch)
    with torch.autocast(weight.device.type, enabled=False):
        evidence = (out.categories @ weight)[chosen]
    patient = batch.patient[chosen]
    total = evidence.new_zeros(len(label), len(bias)).index_add(0, patient, evidence)
    codes = torch.bincount(patient, minlength=len(label))
    return cross_entropy(bias + total / codes[:, None], label)


def fit(
    counts: sparse.csr_array, label: Int[ndarray, " P"], labels: int
) -> tuple[Float[ndarray, "C L"], Float[ndarray, " L"]]:
    """Weight and bias of the multinomial logistic regression of a label on category shares; deterministic.

    A label without a patient gets bias -inf, probability 0.

    Raises:
        UnknownLabelError: If only one label occurs.

    Example:
        >>> weight, bias = fit(sparse.csr_array([[2.0, 0.0], [0.0, 1.0], [0.0, 3.0]]), np.array([0, 1, 1]), 3)
        >>> (weight > 0).tolist(), bias[2].item()
        ([[True, False, False], [False, True, False]], -inf)
    """
    from sklearn.linear_model import LogisticRegression  # a second to import, and few trainings need it

    if len(np.unique(label)) < 2:
        raise UnknownLabelError(
            f"all {len(label)} patients have one and the same label, which no classifier can learn from"
        )
    shares = sparse.diags_array(1 / counts.sum(axis=1)) @ counts
    fitted = LogisticRegression(C=INVERSE_PENALTY, max_iter=ITERATIONS).fit(shares, label)
    two_sided = np.array([[-0.5], [0.5]])  # of two labels scikit-learn keeps the difference only
    slope, intercept = fitted.coef_, fitted.intercept_
    if len(fitted.classes_) == 2:
        slope, intercept = two_sided * slope, two_sided[:, 0] * intercept
    weight = np.zeros((counts.shape[1], labels), dtype=np.float32)
    bias = np.full(labels, -np.inf, dtype=np.float32)
    weight[:, fitted.classes_], bias[fitted.classes_] = slope.T, intercept
    return weight, bias
