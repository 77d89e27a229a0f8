"""What the model expects where a code comes, in ICD-9 categories, and what the training split holds there.

Axes: N positions, M positions whose next symbol is a code, C categories,
P patients of the training split.
"""

import numpy as np
from jaxtyping import Bool, Float
from scipy import sparse
from torch import Tensor

from ehrgen.data.sequences.sequences import Sequences
from ehrgen.data.sequences.vocabulary import FIRST_CODE, FIRST_SYMBOL, SPECIAL_CLASSES
from ehrgen.learning.batches import Batch
from ehrgen.learning.model.output import Output


class NothingToScoreError(ValueError):
    """A batch in which an objective has no term; it has no say in that batch, which is not the same as a value of 0."""


class UnknownLabelError(ValueError):
    """A label without a training patient: training has nothing to say of what its codes should be."""


def before_codes(batch: Batch) -> Bool[Tensor, " N"]:
    """Which positions are followed by a code.

    Raises:
        NothingToScoreError: If none is.
    """
    chosen = batch.target >= SPECIAL_CLASSES
    if not bool(chosen.any()):
        raise NothingToScoreError(f"none of {len(chosen)} positions is followed by a code; there is nothing to score")
    return chosen


def at_codes(out: Output, batch: Batch) -> tuple[Float[Tensor, "M C"], Bool[Tensor, " N"]]:
    """Expected categories of the positions whose next symbol is a code, and which positions these are.

    Raises:
        NothingToScoreError: If there is none.
    """
    chosen = before_codes(batch)
    return out.categories[chosen], chosen


def observed_counts(sequences: Sequences) -> sparse.csr_array:
    """[P, C] how many codes of each category a patient's history holds, a code counted once a visit."""
    token = np.asarray(sequences.tokens)
    is_code = token >= FIRST_CODE
    patient = np.repeat(np.arange(len(sequences)), np.diff(sequences.offsets))[is_code]
    category = sequences.vocabulary.symbol_class[token[is_code] - FIRST_SYMBOL] - SPECIAL_CLASSES
    shape = (len(sequences), len(sequences.vocabulary.categories))
    return sparse.csr_array((np.ones(len(patient)), (patient, category)), shape=shape)
