"""What the model can be asked to learn: pure functions (Output, Batch) -> scalar, in one table.

They see no optimiser, no weights and not each other. `build_objectives` binds what an objective needs of the settings
and of the training split (threshold, prices, frequencies, a classifier); the training loop multiplies by weights and
sums, and does not know which objectives it runs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from scipy import sparse
from torch import Tensor

from ehrgen.data.cohort import AGE_BRACKETS, SEXES, age_bracket
from ehrgen.data.sequences.cooccurrence import Cooccurrence, Space
from ehrgen.data.sequences.sequences import Sequences
from ehrgen.data.sequences.vocabulary import Vocabulary
from ehrgen.learning.batches import Batch
from ehrgen.learning.model.output import Output
from ehrgen.learning.objectives import consistency, cooccur, diversity, lm_and_heads, matching
from ehrgen.learning.objectives.expectation import NothingToScoreError, UnknownLabelError, observed_counts
from ehrgen.learning.settings import LossSettings

__all__ = ["FORMS", "NAMES", "NothingToScoreError", "Objective", "build_objectives"]

Objective = Callable[[Output, Batch], Float[Tensor, ""]]


@dataclass(frozen=True)
class ObjectiveInputs:
    """What objectives may be bound to: settings, and the training split in tensors and counts."""

    settings: LossSettings
    training: Sequences
    matrices: dict[Space, Cooccurrence]
    device: torch.device

    @property
    def vocabulary(self) -> Vocabulary:
        return self.training.vocabulary

    @cached_property
    def counts(self) -> sparse.csr_array:
        """[patients, categories] codes in each training history."""
        return observed_counts(self.training)

    @cached_property
    def bracket(self) -> ndarray:
        """Age bracket of each training patient."""
        return age_bracket(np.asarray(self.training.age))

    @property
    def of_categories(self) -> Cooccurrence:
        return self.matrices["category"].require("category", self.vocabulary.categories)

    @property
    def of_codes(self) -> Cooccurrence:
        return self.matrices["code"].require("code", self.vocabulary.codes)

    def tensor(self, values: ndarray) -> Tensor:
        """These values on the device."""
        return torch.from_numpy(values).to(self.device)


def _age_consistency(of: ObjectiveInputs) -> Objective:
    weight, bias = consistency.fit(of.counts, of.bracket, len(AGE_BRACKETS))
    return partial(consistency.age, weight=of.tensor(weight), bias=of.tensor(bias))


def _sex_consistency(of: ObjectiveInputs) -> Objective:
    weight, bias = consistency.fit(of.counts, np.asarray(of.training.sex), len(SEXES))
    return partial(consistency.sex, weight=of.tensor(weight), bias=of.tensor(bias))


def _priced(of: ObjectiveInputs, price: ndarray) -> Objective:
    return partial(cooccur.expected, price=of.tensor(price), symbol_class=of.tensor(of.vocabulary.symbol_class))


def _cooccur_expected(of: ObjectiveInputs) -> Objective:
    return _priced(of, of.of_categories.penalty(of.settings.cooccur_threshold))


def _cooccur_npmi(of: ObjectiveInputs) -> Objective:
    return _priced(of, 1 - of.of_categories.smoothed_npmi())


def _cooccur_observed(of: ObjectiveInputs) -> Objective:
    penalty = partial(of.of_codes.pair_penalty, threshold=of.settings.cooccur_threshold)
    return partial(cooccur.observed, pair_penalty=penalty)


def _age_matching(of: ObjectiveInputs) -> Objective:
    return partial(matching.age_frequencies, training=of.tensor(matching.by_bracket(of.counts, of.bracket)))


def _diversity_unigram(of: ObjectiveInputs) -> Objective:
    total = of.counts.sum(axis=0)
    return partial(diversity.unigram, training=of.tensor((total / total.sum()).astype(np.float32)))


def _diversity_rare(of: ObjectiveInputs) -> Objective:
    return partial(diversity.rare, commonness=of.tensor(diversity.commonness(of.counts.sum(axis=0))))


FORMS: dict[str, dict[str, Callable[[ObjectiveInputs], Objective]]] = {
    "lm": {"symbols": lambda of: lm_and_heads.lm},
    "age": {"states": lambda of: lm_and_heads.age, "consistency": _age_consistency},
    "sex": {"states": lambda of: lm_and_heads.sex, "consistency": _sex_consistency},
    "cooccur": {"expected": _cooccur_expected, "observed": _cooccur_observed, "npmi": _cooccur_npmi},
    "age_matching": {"frequencies": _age_matching},
    "diversity": {"unigram": _diversity_unigram, "rare": _diversity_rare},
}
"""Every objective and the forms it has; `loss.NAME` is its weight and `loss.NAME_form`, if it has several, its form."""
NAMES = tuple(FORMS)


def _require_labels(of: ObjectiveInputs) -> None:
    """Every objective that no patient of these could teach anything is named at once."""
    labels = {"age": of.bracket, "sex": np.asarray(of.training.sex)}
    alike = [
        name
        for name, label in labels.items()
        if getattr(of.settings, name) > 0 and getattr(of.settings, f"{name}_form") == "consistency"
        if len(np.unique(label)) < 2
    ]
    if alike:
        names, words = " and ".join(f"loss.{name}" for name in alike), {"age": "age bracket", "sex": "sex"}
        same = " and ".join(words[name] for name in alike)
        raise UnknownLabelError(
            f"{names}: all {len(of.training.sex)} training patients have one and the same {same}; set {names} to 0"
        )


def build_objectives(
    settings: LossSettings, training: Sequences, matrices: dict[Space, Cooccurrence], device: torch.device
) -> dict[str, Objective]:
    """The objectives with a weight above 0, by name, bound to the training split and its pair counts.

    Raises:
        ValueError: If no objective has a weight, or the counts are of another vocabulary.
        UnknownLabelError: If a consistency form meets a training split of one label; the objective is named.
    """
    of = ObjectiveInputs(settings, training, matrices, device)
    _require_labels(of)
    chosen = {}
    for name, forms in FORMS.items():
        if getattr(settings, name) > 0:
            form = getattr(settings, f"{name}_form") if len(forms) > 1 else next(iter(forms))
            chosen[name] = forms[form](of)
    if not chosen:
        raise ValueError("loss: every weight is 0; nothing to train")
    return chosen
