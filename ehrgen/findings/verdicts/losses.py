"""Why a loss moves or not: a verdict for each objective of a training, from the rows of its history alone.

The rules are tried in the order of `RULES`, and the first that holds names the verdict; docs/verdicts.md says where
the thresholds come from. A rule whose columns are absent is listed as not checked, and then nothing is `healthy`.
Seeds are judged one by one; the verdict of most seeds stands, the earlier rule in a tie, beside its count.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from ehrgen.findings.statistics.history import Trace, Traces
from ehrgen.leakage import is_leaky

CONSTANT = 1e-6  # gradient norm on the shared parameters, nats; never above it in any epoch
SOLVED = 0.05  # validation value, share of chance
NEGLIGIBLE = 0.005  # share of the gradient, mean over epochs
CONFLICTING = -0.1  # cosine with the gradient of lm, mean over epochs
LM, HEADS = "lm", ("age", "sex")
PHRASES: dict[str, tuple[str, str, str]] = {  # name -> of the epochs, column, in words
    "share": ("mean", "share", "{} % of the loss value"),
    "pull": ("mean", "grad_share", "{} % of the gradient"),
    "cosine": ("mean", "grad_cosine", "cosine {} with the gradient of lm"),
    "value": ("last", "validation_value", "{} nats"),
    "chance": ("last", "chance", "{} at chance"),
    "prompts": ("last", "value_prompts_shuffled", "{} with another patient's prompt"),
    "codes": ("last", "value_codes_shuffled", "{} with another patient's codes"),
    "sampler": ("last", "validation_nll", "{} under the inputs of sampling"),
    "accuracy": ("last", "accuracy", "accuracy {} %"),
    "ceiling": ("last", "probe_accuracy", "{} % from codes alone"),
}
HEALTHY, UNCLEAR = "healthy", "unclear"
MEANINGS = {  # verdict -> in a few words, for every report
    "constant": "no path to the shared parameters",
    "leaky": "reads what it must not",
    "solved": "nothing left to learn",
    "negligible": f"less than {NEGLIGIBLE * 100:g} % of the gradient",
    "conflicting": "pulls against lm",
    "unlearned": "ended at chance",
    HEALTHY: "none of these",
    UNCLEAR: "no fault found, not all could be checked",
}


class NotMeasuredError(ValueError):
    """A rule whose columns are absent; the message names them."""


@dataclass(frozen=True)
class Verdict:
    """What became of one objective in one variant.

    Attributes:
        name: One of RULES, `healthy`, or `unclear`: no fault found, but not everything could be checked.
        votes: Verdict -> how many seeds have it.
        evidence: The numbers it rests on, means over the seeds of this verdict.
        unchecked: Rules that could not be tried, each with the columns it needs.
    """

    name: str
    votes: dict[str, int]
    evidence: str
    unchecked: tuple[str, ...]

    def __str__(self) -> str:
        """One line: verdict, seeds, evidence, what was not checked."""
        total = sum(self.votes.values())
        others = ", ".join(f"{name} in {count}" for name, count in self.votes.items() if name != self.name)
        seeds = f" in {self.votes[self.name]} of {total} seeds ({others})" if others else ""
        open_ones = f"; not checked: {', '.join(self.unchecked)}" if self.unchecked else ""
        return f"{self.name}{seeds}; {self.evidence}{open_ones}"

    def content(self) -> dict[str, Any]:
        """Everything, as what JSON can hold."""
        return {
            "verdict": self.name,
            "seeds": self.votes,
            "evidence": self.evidence,
            "not_checked": list(self.unchecked),
        }

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> "Verdict":
        """What `content` wrote."""
        return cls(content["verdict"], content["seeds"], content["evidence"], tuple(content["not_checked"]))


def shared_by(name: str, votes: Mapping[str, int]) -> str:
    """How many seeds have the verdict, empty if all do.

    Example:
        >>> shared_by("leaky", {"leaky": 2, "healthy": 1}), shared_by("leaky", {"leaky": 3})
        (' (2 of 3)', '')
    """
    total = sum(votes.values())
    return f" ({votes[name]} of {total})" if votes[name] < total else ""


def diagnose(trainings: Iterable[Traces]) -> dict[str, Verdict]:
    """Objective -> verdict over these trainings of one variant; an objective that never had a weight is absent."""
    seeds_of: dict[str, list[Trace]] = {}
    for training in trainings:
        for objective, trace in training.items():
            seeds_of.setdefault(objective, []).append(trace)
    return {objective: _combined(objective, seeds) for objective, seeds in seeds_of.items()}


Verdicts = Mapping[str, Mapping[str, Verdict]]  # variant -> objective -> verdict


def verdicts(traces: Mapping[str, Mapping[int, Traces]]) -> Verdicts:
    """The verdicts of every variant, from the traces of its seeds."""
    return {variant: diagnose(by_seed.values()) for variant, by_seed in traces.items()}


def judge(objective: str, trace: Trace) -> tuple[str, tuple[str, ...]]:
    """The verdict on one training, and the rules that could not be tried before it was found."""
    unchecked: list[str] = []
    for name, rule in RULES.items():
        try:
            if rule(objective, trace):
                return name, tuple(unchecked)
        except NotMeasuredError as error:
            unchecked.append(f"{name} (no {error})")
    return (UNCLEAR if unchecked else HEALTHY), tuple(unchecked)


def constant(objective: str, trace: Trace) -> bool:
    """No path to the shared parameters: the gradient is 0 in every epoch, whatever the value does."""
    return max(_measured(trace, "grad_norm")) <= CONSTANT


def leaky(objective: str, trace: Trace) -> bool:
    """Half of its nats below chance come from what it must not read.

    For a head: lost with another patient's prompt, or still there with another patient's codes. For lm: lost under
    the inputs the sampler has. An objective without an accuracy is no head, and nothing else has a label to leak.
    """
    if objective not in (LM, *HEADS):
        return False
    _measured(trace, "validation_value", "chance")
    value, chance = trace.last("validation_value"), trace.last("chance")
    if objective == LM:
        _measured(trace, "validation_nll")
        return is_leaky(value, chance, with_inputs_of_sampling=trace.last("validation_nll"))
    if trace.last("accuracy") is None:
        return False
    prompts, codes = trace.last("value_prompts_shuffled"), trace.last("value_codes_shuffled")
    if trace.nats_below_chance is not None and prompts is None and codes is None:
        _measured(trace, "value_prompts_shuffled")
    return is_leaky(value, chance, with_another_prompt=prompts, with_other_codes=codes)


def solved(objective: str, trace: Trace) -> bool:
    """Nothing left to learn; asks only of objectives that have a chance level."""
    if objective not in (LM, *HEADS):
        return False
    value, chance = _measured(trace, "validation_value", "chance"), trace.of("chance")
    return value[-1] <= SOLVED * chance[-1]


def negligible(objective: str, trace: Trace) -> bool:
    """It pulls too little to bend the path of the shared parameters."""
    return fmean(_measured(trace, "grad_share")) < NEGLIGIBLE


def unlearned(objective: str, trace: Trace) -> bool:
    """It ended no better than who knows frequencies alone, by less than LEAST_BELOW_CHANCE of chance."""
    if objective not in (LM, *HEADS):
        return False
    _measured(trace, "validation_value", "chance")
    return trace.nats_below_chance is None


def conflicting(objective: str, trace: Trace) -> bool:
    """Its gradient points against that of lm."""
    return objective != LM and fmean(_measured(trace, "grad_cosine")) <= CONFLICTING


RULES: dict[str, Callable[[str, Trace], bool]] = {
    "constant": constant,
    "leaky": leaky,
    "solved": solved,
    "negligible": negligible,
    "conflicting": conflicting,
    "unlearned": unlearned,
}


def evidence(name: str, objective: str, seeds: Sequence[Trace]) -> str:
    """The numbers that a verdict rests on, means over these trainings; what was not measured is left out."""
    known = [*(["prompts", "codes"] if objective in HEADS else []), *(["sampler"] if objective == LM else [])]
    learned = ["value", "chance", *known, "accuracy", "ceiling"]
    named = {
        "constant": ["share", "pull"],
        "leaky": learned,
        "solved": learned,
        "negligible": ["pull", "share"],
        "conflicting": ["cosine", "pull", "share"],
        "unlearned": learned,
    }
    said = [_said(phrase, seeds) for phrase in named.get(name, ["share", "pull", "cosine", *learned])]
    return ", ".join(part for part in said if part) or "nothing of it was measured"


def _combined(objective: str, seeds: Sequence[Trace]) -> Verdict:
    judged = [judge(objective, trace) for trace in seeds]
    votes = Counter(name for name, _ in judged)
    order = [*RULES, UNCLEAR, HEALTHY]
    name = max(votes, key=lambda verdict: (votes[verdict], -order.index(verdict)))
    ours = [trace for trace, (verdict, _) in zip(seeds, judged, strict=True) if verdict == name]
    unchecked = dict.fromkeys(rule for verdict, rules in judged if verdict == name for rule in rules)
    counted = {verdict: votes[verdict] for verdict in order if verdict in votes}
    return Verdict(name, counted, evidence(name, objective, ours), tuple(unchecked))


def _measured(trace: Trace, *columns: str) -> list[float]:
    """Values of the first column; raises NotMeasuredError naming every column that is absent."""
    missing = [column for column in columns if not trace.of(column)]
    if missing:
        raise NotMeasuredError(", ".join(missing))
    return trace.of(columns[0])


def _said(phrase: str, seeds: Sequence[Trace]) -> str:
    """A number in words, percentages as such; empty where no seed measured it."""
    over, column, words = PHRASES[phrase]
    values = [trace.mean(column) if over == "mean" else trace.last(column) for trace in seeds]
    measured = [value for value in values if value is not None]
    return words.format(f"{fmean(measured) * (100 if '%' in words else 1):.3g}") if measured else ""
