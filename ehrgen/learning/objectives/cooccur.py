"""Co-occurrence: what the next code costs against the codes already in its visit, expected or observed.

The expected forms work at category level, against the true codes of the visit so far. What the others would cost in a
step of N = 4,096 positions with J = 16,000 pairs (position, code held), V = 7,000 codes and C = 943 categories:

=============================  ============================================  ==================================
form                           work beside the model's own                   what it would tell
=============================  ============================================  ==================================
categories, against the visit  J C = 15 M multiply-adds, one [N, C] array    which categories go together
codes, against the visit       J V = 112 M, three [N, V] arrays of 115 MB,   also codes of one category apart
                               and a softmax over V that a factored model
                               never takes (N V d)
predicted against predicted    N C^2 = 3,600 M at category level,            also pairs of which neither is real
                               N V (row of V) = 10 G and more at code level
=============================  ============================================  ==================================

Given up, therefore: telling apart codes of one category, and pairs of which the model would choose both. Training
puts true codes before each position, so such pairs would be of codes that no sampled visit need hold together.

Axes: N positions, J pairs (position, code already in its visit), K classes, C categories.
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ehrgen.data.sequences.vocabulary import SPECIAL_CLASSES
from ehrgen.learning.batches import Batch
from ehrgen.learning.model.output import Output
from ehrgen.learning.objectives.expectation import NothingToScoreError


def expected(
    out: Output, batch: Batch, price: Float[Tensor, "C C"], symbol_class: Int[Tensor, " symbols"]
) -> Float[Tensor, ""]:
    """Expected price of the next code against the codes already in its visit; from min(price) to max(price).

    For every position whose visit holds a code: sum over categories c of P(c | a code comes) times the mean price
    of c with the categories already there. The value is dimensionless, and added to nats.

    * `Cooccurrence.penalty`: threshold / (count + 1) below the threshold, so 0 to `threshold`. Chance, the
      uniform distribution: the mean of the penalty.
    * 1 - `Cooccurrence.smoothed_npmi`: 0 for categories always together, 1 for independent ones (chance), 2 for
      categories that are frequent and never together. Minimising it rewards mutual information.

    Raises:
        NothingToScoreError: If no position follows a code.

    Source:
        The penalty of LOSS_ANALYSIS.md, in expectation under the model instead of on the observed codes, and the
        mutual information that it proposes instead; Bouma (2009) for its normalised form.
    """
    if len(batch.used_at) == 0:
        raise NothingToScoreError(
            "no position of the batch follows a code; the co-occurrence objective has nothing to score"
        )
    positions = len(out.class_log_prob)
    held = torch.sparse_coo_tensor(
        torch.stack([batch.used_at, symbol_class[batch.used_symbol] - SPECIAL_CLASSES]),
        torch.ones_like(batch.used_at, dtype=price.dtype),
        (positions, len(price)),
        check_invariants=False,
    )
    with torch.autocast(price.device.type, enabled=False):
        total = torch.sparse.mm(held, price)
    follows = torch.bincount(batch.used_at, minlength=positions)
    chosen = follows > 0
    return ((out.categories * total).sum(-1)[chosen] / follows[chosen]).mean()


def observed(
    out: Output, batch: Batch, pair_penalty: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> Float[Tensor, ""]:
    """Mean rare-pair penalty over the pairs of codes observed within a visit; 0 to the threshold.

    A negative control: it is computed from input ids alone, so no parameter can change it and its gradient is zero.

    Raises:
        NothingToScoreError: If no visit holds two codes.

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
    return symbol[~last] - SPECIAL_CLASSES, own[~last] - SPECIAL_CLASSES
