"""Chance: what an objective costs a model that knows nothing but frequencies, in nats.

Axes: P patients, L labels.
"""

import numpy as np
from jaxtyping import Float, Int, Num
from numpy import ndarray
from scipy.special import entr

from ehrgen.data.cohort import age_bracket
from ehrgen.data.sequences.sequences import Sequences
from ehrgen.data.sequences.vocabulary import FIRST_SYMBOL

LABELLED = ("age", "sex")
"""The objectives that ask for a label of a patient."""


def labels(sequences: Sequences, objective: str) -> Int[ndarray, " P"]:
    """The label that age or sex asks for: an index into AGE_BRACKETS or SEXES."""
    of_patients = {"age": age_bracket(np.asarray(sequences.age)), "sex": np.asarray(sequences.sex)}
    return of_patients[objective].astype(np.int64)


def times_asked(sequences: Sequences, objective: str, age_form: str) -> Num[ndarray, " P"]:
    """How often age or sex asks about each patient: age of form `states` at every position, all others once."""
    if objective == "age" and age_form == "states":
        return np.diff(sequences.offsets) - 1
    return np.ones(len(sequences))


def label_counts(
    sequences: Sequences, objective: str, age_form: str, patients: Int[ndarray, " B"] | slice = slice(None)
) -> Float[ndarray, " L"]:
    """How often age or sex asks for each label, over these `patients`."""
    asked = times_asked(sequences, objective, age_form)[patients]
    return np.bincount(labels(sequences, objective)[patients], weights=asked)


def chance_of_label(counts: Num[ndarray, " L"]) -> float:
    """Nats of who knows how frequent each label is: the entropy, at least 0.

    Example:
        >>> round(chance_of_label(np.array([1, 1])), 3)
        0.693
    """
    return float(entr(counts / counts.sum()).sum())


def chance_of_symbols(training: Sequences, hierarchy: str) -> float:
    """Nats per symbol of who knows how frequent each is: of categories, where the model cannot tell their codes apart.

    Args:
        hierarchy: That of the model, `model.hierarchy`.
    """
    tokens = np.asarray(training.tokens)
    symbols = tokens[tokens >= FIRST_SYMBOL] - FIRST_SYMBOL
    if hierarchy != "category":
        return chance_of_label(np.bincount(symbols))
    of_class = training.vocabulary.symbol_class[symbols]
    even_draw = float(np.log(training.vocabulary.class_size[of_class]).mean())
    return chance_of_label(np.bincount(of_class)) + even_draw
