"""The objectives that read decoder states directly: the language model, and the age and sex heads as analysed."""

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy

from ehrgen.learning.batches import Batch
from ehrgen.learning.model.output import Output


def lm(out: Output, batch: Batch) -> Float[Tensor, ""]:
    """Mean negative log-likelihood of the next symbol, nats per position; chance is log(symbols).

    Special tokens count like codes: ending a visit at the right length is part of the distribution.
    """
    return -out.target_log_prob.mean()


def age(out: Output, batch: Batch) -> Float[Tensor, ""]:
    """Cross-entropy of the patient's age bracket at every position; chance is ln 6 = 1.792 nats.

    Reads decoder states, which attend to the age prompt: low values do not show that codes carry age.

    Source:
        The age head of the system analysed in LOSS_ANALYSIS.md.
    """
    return cross_entropy(out.age_logits, batch.bracket[batch.patient])


def sex(out: Output, batch: Batch) -> Float[Tensor, ""]:
    """Cross-entropy of the patient's sex from the pooled states; chance is ln 2 = 0.693 nats.

    Reads decoder states, which attend to the sex prompt: low values do not show that codes carry sex.

    Source:
        The sex head of the system analysed in LOSS_ANALYSIS.md.
    """
    return cross_entropy(out.sex_logits, batch.sex)
