"""What each objective is judged by, in the metrics of `metrics.table.suite`, for every run alike.

A variant's primary comparisons are the endpoints of what it changes; all other metrics are exploratory. The list was
drawn up when first runs had been seen, so what it says of those is no test of its own; what it says of new seeds is.
Imports no torch, and no training depends on it: an edit judges anew and trains nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ehrgen.learning.settings import WEIGHTS


@dataclass(frozen=True)
class Endpoints:
    """The few metrics that an objective is meant to move, and the few that it may harm."""

    moves: tuple[str, ...]
    harms: tuple[str, ...]


ENDPOINTS: dict[str, Endpoints] = {
    "lm": Endpoints(moves=("nll_per_code", "c2st_auc"), harms=("membership_auc",)),
    "age": Endpoints(moves=("age_violations", "cell_r2"), harms=("age_rule_patients",)),
    "sex": Endpoints(moves=("sex_violations", "sex_probe"), harms=("sex_rule_patients",)),
    "cooccur": Endpoints(moves=("pair_r2", "pair_lift"), harms=("effective_codes", "coverage")),
    "age_matching": Endpoints(moves=("cell_r2", "age_probe"), harms=("effective_codes",)),
    "diversity": Endpoints(moves=("effective_codes", "tail_mass"), harms=("unigram_r2",)),
}
OF_SETTING: dict[str, tuple[str, ...]] = {  # a setting that belongs to no one objective -> those it acts on
    "loss.weighting": ("lm", "age", "sex", "cooccur"),
    "sampling.demographics": ("age", "sex"),
    "sampling.rule_edits": ("age", "sex"),
    "sampling": ("lm", "diversity"),
    "model": ("lm",),
    "train": ("lm",),
}


def changed_objectives(changes: Mapping[str, Any]) -> list[str]:
    """The objectives that a variant changes, by weight, form or schedule, or acts on by another setting.

    Args:
        changes: `section.key` -> value, where the variant differs from the reference.

    Raises:
        KeyError: If a setting is of none of these; `OF_SETTING` has to say whom it acts on.

    Example:
        >>> changed_objectives({"loss.cooccur": 0, "loss.age_matching": 0.1, "model.d_model": 128})
        ['lm', 'cooccur', 'age_matching']
    """
    changed = {objective for setting, value in changes.items() for objective in _acts_on(setting, value)}
    return [objective for objective in WEIGHTS if objective in changed]


def primary(changes: Mapping[str, Any]) -> dict[str, list[str]]:
    """Metric -> why it is an endpoint of a variant with these changes, such as `cooccur may harm`.

    Example:
        >>> primary({"loss.sex": 0})["sex_rule_patients"]
        ['sex may harm']
    """
    reasons: dict[str, list[str]] = {}
    for objective in changed_objectives(changes):
        for role, metrics in (("moves", ENDPOINTS[objective].moves), ("may harm", ENDPOINTS[objective].harms)):
            for metric in metrics:
                reasons.setdefault(metric, []).append(f"{objective} {role}")
    return reasons


def harmed(changes: Mapping[str, Any], weights: Mapping[str, float]) -> dict[str, bool]:
    """Metric that the changed objectives may harm, and nothing else -> whether it is the reference that would show it.

    It is, where the variant gives less weight to every objective that may harm the metric; in every other case, such as
    another form of the loss or another model, the question is whether the variant does harm.

    Args:
        weights: Objective -> its weight in the reference.

    Example:
        >>> harmed({"loss.sex": 0}, {"sex": 0.005}), harmed({"loss.sex": 1}, {"sex": 0.005})
        ({'sex_rule_patients': True}, {'sex_rule_patients': False})
    """
    objectives = changed_objectives(changes)
    moved = {metric for objective in objectives for metric in ENDPOINTS[objective].moves}
    less = {one for one in objectives if changes.get(f"loss.{one}", weights.get(one, 0.0)) < weights.get(one, 0.0)}
    metrics = dict.fromkeys(metric for objective in objectives for metric in ENDPOINTS[objective].harms)
    return {
        metric: all(one in less for one in objectives if metric in ENDPOINTS[one].harms)
        for metric in metrics
        if metric not in moved
    }


def _acts_on(setting: str, value: Any) -> tuple[str, ...]:
    section, _, key = setting.partition(".")
    if setting == "loss.schedules":
        return tuple(value)
    if section == "loss" and key in WEIGHTS:
        return (key,)
    form_of = [objective for objective in WEIGHTS if section == "loss" and key.startswith(f"{objective}_")]
    if form_of:
        return (max(form_of, key=len),)
    return OF_SETTING[setting if setting in OF_SETTING else section]
