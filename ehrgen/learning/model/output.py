"""What a model puts out for a batch, and all that objectives see of it.

Axes: N real positions, B patients, K classes, C categories: the classes after those of the special tokens.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from ehrgen.data.sequences.vocabulary import SPECIAL_CLASSES


@dataclass(frozen=True)
class Output:
    """Log-probabilities (nats) of targets and classes, and the logits of the heads."""

    target_log_prob: Float[Tensor, " N"]
    class_log_prob: Float[Tensor, "N K"]
    age_logits: Float[Tensor, "N 6"]
    sex_logits: Float[Tensor, "B 2"]

    @cached_property
    def categories(self) -> Float[Tensor, "N C"]:
        """P(category | a code comes next), taken once for all objectives that ask for it."""
        return categories(self.class_log_prob)


def categories(class_log_prob: Float[Tensor, "N K"]) -> Float[Tensor, "N C"]:
    """P(category | a code comes next); each row sums to 1.

    Without the condition an objective on codes could be lowered by ending visits instead of by choosing codes.

    Example:
        >>> log_prob = torch.tensor([[0.3, 0.2, 0.1, 0.4]]).log()
        >>> [round(share, 3) for share in categories(log_prob)[0].tolist()]
        [0.2, 0.8]
    """
    return torch.softmax(class_log_prob[:, SPECIAL_CLASSES:], dim=-1)
