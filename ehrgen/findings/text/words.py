"""Metrics, losses and changes in words that need no manual; the name that the tables use stands beside them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.findings.text.tables import cell

LM = "lm"
LOSSES = {  # objective -> in words
    LM: "language model",
    "age": "age loss",
    "sex": "sex loss",
    "cooccur": "co-occurrence loss",
    "age_matching": "age matching loss",
    "diversity": "diversity loss",
}
METRICS_IN_WORDS = {  # every primary endpoint, and what leads are often about
    "unigram_r2": "the fit of code frequencies",
    "pair_r2": "the fit of pairs of codes",
    "pair_lift": "the fit of which codes go together",
    "cell_r2": "the fit of codes by sex and age",
    "sex_probe": "the sex that can be read from the codes",
    "age_probe": "the age that can be read from the codes",
    "coverage": "the number of different codes",
    "distinct_codes": "the count of different codes",
    "effective_codes": "the effective number of codes",
    "tail_mass": "the share of rare codes",
    "top_code_share": "the share of the commonest code",
    "unique_patients": "the share of patients who are unlike each other",
    "codes_per_visit": "the number of codes in a visit",
    "persistence": "the fit of how codes persist",
    "odd_code_ratio": "the error of the oddest code",
    "sex_violations": "the share of sex-specific codes given to the other sex",
    "sex_rule_patients": "the share of patients with a sex-specific code",
    "age_violations": "the share of age-specific codes at a wrong age",
    "age_rule_patients": "the share of patients with an age-specific code",
    "c2st_auc": "a classifier's success in telling samples from real patients",
    "tstr_auroc": "the accuracy of predictors trained on samples",
    "membership_auc": "an attack's success in finding training patients",
    "nll_per_code": "the nats needed for a real code",
    "bits_per_patient": "the bits needed for a real patient",
    "effective_codes_order2": "the effective number of common codes",
    "likelihood_membership_auc": "the success of an attack by likelihood",
    "memorised_records": "the share of samples that repeat a training patient",
}
FEW = 3  # settings that a sentence can name
SECTIONS = ("loss", "model", "sampling", "train")


def metric(name: str) -> str:
    """A metric in words, with the name that the tables use.

    Example:
        >>> metric("pair_r2"), metric("mmd")
        ('the fit of pairs of codes (`pair_r2`)', '`mmd`')
    """
    return f"{METRICS_IN_WORDS[name]} (`{name}`)" if name in METRICS_IN_WORDS else f"`{name}`"


def in_words(name: str) -> str:
    """A metric in words alone, or by its name if there are none."""
    return METRICS_IN_WORDS.get(name, f"`{name}`")


def loss(objective: str) -> str:
    """A loss in words.

    Example:
        >>> loss("cooccur"), loss("lm"), loss("new")
        ('the co-occurrence loss', 'the language model', 'the new loss')
    """
    return f"the {LOSSES.get(objective, f'{objective} loss')}"


def removed(changed: Mapping[str, Any]) -> list[str]:
    """The losses that a variant leaves out, if it changes nothing else.

    Example:
        >>> removed({"loss.age": 0.0, "loss.sex": 0.0}), removed({"loss.age": 0.0, "model.layers": 1})
        (['age', 'sex'], [])
    """
    left_out = [key.removeprefix("loss.") for key, value in changed.items() if key.startswith("loss.") and value == 0]
    return left_out if len(left_out) == len(changed) else []


def another_system(changed: Mapping[str, Any]) -> bool:
    """Whether a variant differs in all of loss, model, sampling and training: no difference of it has one cause."""
    return set(SECTIONS) <= {key.partition(".")[0] for key in changed}


def subject(variant: str, changed: Mapping[str, Any], losses: Collection[str] = ()) -> str:
    """A variant as the start of a sentence: what it does without, or what it changes.

    Args:
        losses: Those that the reference trains with.

    Example:
        >>> subject("no_age", {"loss.age": 0.0}, ["lm", "age", "sex"])
        'Without the age loss (`no_age`)'
        >>> subject("bare", {"loss.age": 0.0, "loss.sex": 0.0}, ["lm", "age", "sex"])
        'With the language model alone (`bare`)'
        >>> subject("greedy", {"sampling.greedy": True})
        'With `sampling.greedy` True (`greedy`)'
    """
    if left_out := removed(changed):
        if len(left_out) > 1 and {*left_out, LM} == set(losses):
            return f"With {loss(LM)} alone (`{variant}`)"
        return f"Without {listed([loss(name) for name in left_out])} (`{variant}`)"
    if 0 < len(changed) <= FEW:
        return f"With {listed([f'`{key}` {value}' for key, value in changed.items()])} (`{variant}`)"
    return f"In `{variant}`, which changes {len(changed)} settings" if changed else f"In `{variant}`"


def way(name: str, difference: Estimate) -> str:
    """A metric and which way it differs, with the size.

    Example:
        >>> way("pair_r2", Estimate(-0.005, 0.0033, 3))
        'the fit of pairs of codes (`pair_r2`) is lower by 0.0050 ± 0.0033'
    """
    size = Estimate(abs(difference.mean), difference.half_width, difference.seeds)
    return f"{metric(name)} is {'higher' if difference.mean > 0 else 'lower'} by {cell(size)}"


def names(variants: Collection[str]) -> str:
    """Variants in a sentence.

    Example:
        >>> names(["a", "b", "c"])
        '`a`, `b` and `c`'
    """
    return listed([f"`{one}`" for one in variants])


def listed(parts: Sequence[str]) -> str:
    """Parts of a sentence, the last after an `and`.

    Example:
        >>> listed(["a"]), listed(["a", "b", "c"])
        ('a', 'a, b and c')
    """
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def sentence(text: str) -> str:
    """With a capital letter and a full stop.

    Example:
        >>> sentence("none is")
        'None is.'
    """
    return f"{text[0].upper()}{text[1:]}."
