"""What the model can be asked to learn: pure functions (Output, Batch) -> scalar in nats, in one table.

They see no optimiser, no weights and not each other. `build` binds the settings an objective needs (threshold,
penalty matrix); the training loop multiplies by weights and sums, and does not know which objectives it runs.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy

from ehrgen.data.cooccurrence import Cooccurrence
from ehrgen.data.vocabulary import MARK_CLASSES, Vocabulary
from ehrgen.learning.batches import Batch
from ehrgen.learning.model import Output
from ehrgen.learning.settings import LossSettings

Objective = Callable[[Output, Batch], Float[Tensor, ""]]
NAMES = ("lm", "age", "sex", "cooccur")


class NothingToScoreError(ValueError):
    """A batch in which an objective has no term; it has no say in that batch, which is not the same as a value of 0."""


def lm(out: Output, batch: Batch) -> Float[Tensor, ""]:
    """Mean negative log-likelihood of the next symbol, nats per position; chance is log(symbols).

    Marks count like codes: ending a visit at the right length is part of the distribution.
    """
    return -out.target_log_prob.mean()


def age(out: Output, batch: Batch) -> Float[Tensor, ""]:
    """Cross-entropy of the patient's age bracket at every position; chance is ln 6 = 1.792 nats.

    Reads decoder states, which attend to the age prompt: low values do not show that codes carry age.
    """
    return cross_entropy(out.age_logits, batch.bracket[batch.patient])


def sex(out: Output, batch: Batch) -> Float[Tensor, ""]:
    """Cross-entropy of the patient's sex from the pooled states; chance is ln 2 = 0.693 nats.

    Reads decoder states, which attend to the sex prompt: low values do not show that codes carry sex.
    """
    return cross_entropy(out.sex_logits, batch.sex)


def cooccur_expected(
    out: Output, batch: Batch, penalty: Float[Tensor, "K K"], symbol_class: Tensor
) -> Float[Tensor, ""]:
    """Expected rare-pair penalty of the next code against the codes already in its visit; 0 to the threshold.

    For every position whose visit holds a code: sum over categories k of P(k | a code comes next) times the mean
    penalty of k with the categories already there. The conditioning on "a code comes" keeps the objective from
    being lowered by shorter visits. It works at category level: a step then costs one sparse [N, K] x [K, K]
    product instead of one over all codes, and gives up telling apart codes of one category.

    Source:
        The penalty of LOSS_ANALYSIS.md, in expectation under the model instead of on the observed codes.
    """
    if len(batch.used_at) == 0:
        raise NothingToScoreError(
            "no position of the batch follows a code; the co-occurrence objective has nothing to score"
        )
    positions, classes = out.class_log_prob.shape
    held = torch.sparse_coo_tensor(
        torch.stack([batch.used_at, symbol_class[batch.used_symbol]]),
        torch.ones_like(batch.used_at, dtype=penalty.dtype),
        (positions, classes),
        check_invariants=False,
    )
    with torch.autocast(penalty.device.type, enabled=False):
        price = torch.sparse.mm(held, penalty)
    follows = torch.bincount(batch.used_at, minlength=positions)
    chosen = follows > 0
    price = price[chosen] / follows[chosen, None]
    codes = torch.log_softmax(out.class_log_prob[chosen][:, MARK_CLASSES:], dim=-1)
    return (codes.exp() * price[:, MARK_CLASSES:]).sum(-1).mean()


def cooccur_observed(
    out: Output, batch: Batch, pair_penalty: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> Float[Tensor, ""]:
    """Mean rare-pair penalty over the pairs of codes observed within a visit; 0 to the threshold.

    A specimen: it is computed from input ids alone, so no parameter can change it and its gradient is zero.

    Source:
        The co-occurrence loss of the system analysed in LOSS_ANALYSIS.md.
    """
    earlier, later = _observed_pairs(batch)
    if len(earlier) == 0:
        raise NothingToScoreError(
            "no visit of the batch holds two codes; the co-occurrence objective has nothing to score"
        )
    return torch.from_numpy(pair_penalty(earlier, later)).mean().to(out.target_log_prob.device)


def _observed_pairs(batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    """Indices into `Vocabulary.codes` of every pair of codes within a visit."""
    at, symbol = batch.used_at.cpu().numpy(), batch.used_symbol.cpu().numpy()
    last = np.append(at[1:] != at[:-1], True)
    own = symbol[last][np.searchsorted(at[last], at)]
    return symbol[~last] - MARK_CLASSES, own[~last] - MARK_CLASSES


def build(
    settings: LossSettings, vocabulary: Vocabulary, matrices: dict[str, Cooccurrence], device: torch.device
) -> dict[str, Objective]:
    """The objectives with a weight above 0, by name, bound to this vocabulary and these counts.

    Raises:
        ValueError: If no objective has a weight.
    """
    table: dict[str, Objective] = {"lm": lm, "age": age, "sex": sex}
    if settings.cooccur_form == "expected":
        of_categories = matrices["category"].require("category", vocabulary.categories)
        penalty = np.pad(of_categories.penalty(settings.cooccur_threshold), ((MARK_CLASSES, 0), (MARK_CLASSES, 0)))
        table["cooccur"] = partial(
            cooccur_expected,
            penalty=torch.from_numpy(penalty).to(device),
            symbol_class=torch.from_numpy(vocabulary.symbol_class).to(device),
        )
    else:
        of_codes = matrices["code"].require("code", vocabulary.codes)
        table["cooccur"] = partial(
            cooccur_observed,
            pair_penalty=partial(of_codes.pair_penalty, threshold=settings.cooccur_threshold),
        )
    chosen = {name: table[name] for name in NAMES if getattr(settings, name) > 0}
    if not chosen:
        raise ValueError("loss: every weight is 0; nothing to train")
    return chosen
