"""What an ablation shows, as a few points in plain sentences: the same on the page, in ablation.md and in the docs.

Each point has a head and its sentences. Primary endpoints come first. What a variant shows that differs in everything
is no finding about a loss, and gives no lead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ehrgen.findings.statistics.comparison import Ablation
from ehrgen.findings.statistics.results import FLOOR
from ehrgen.findings.statistics.significance import DIFFERS, PRIMARY, SLIGHT, UNDECIDED, Significance
from ehrgen.findings.text import faults
from ehrgen.findings.text.collapse import collapsed, sentences
from ehrgen.findings.text.tables import about
from ehrgen.findings.text.words import another_system, in_words, listed, loss, names, removed, sentence, subject, way
from ehrgen.findings.verdicts.losses import Verdicts
from ehrgen.metrics.table.suite import METRICS

Changes = Mapping[str, Mapping[str, Any]]  # variant -> `section.key` -> value
Objectives = Mapping[str, Mapping[str, Mapping[str, float]]]
MOVES, HARM = "moves", "may harm"
MANY = 2  # differences of one variant that are given with their size; of more, the largest
NAMED = 3  # undecided comparisons, or other variants, that are named
FEW_PATIENTS = 500


@dataclass(frozen=True)
class Point:
    """One thing the run shows: a head of a few words, and sentences. Names of variants and metrics are in backticks."""

    head: str
    text: str

    def content(self) -> dict[str, str]:
        """What JSON holds."""
        return asdict(self)


def summary(ablation: Ablation, changed: Changes, verdicts: Verdicts, objectives: Objectives) -> list[Point]:
    """The points of a run, in the order in which a reader asks; what cannot be said is left out."""
    told = [variant for variant in ablation.differences if not another_system(changed.get(variant, {}))]
    alone = [variant for variant in told if all(key.startswith("loss.") for key in changed.get(variant, {}))]
    weights = objectives.get(ablation.reference, {})
    losses = [name for name, row in weights.items() if row.get("weight")]
    run = Run(ablation, {variant: changed.get(variant, {}) for variant in ablation.differences}, losses)
    stuck = collapsed(ablation, ablation.reference)  # what a loss teaches cannot be seen in copies of one record
    points = {
        "Few patients": _few(ablation),
        **({"Collapse": sentences(ablation, changed)} if stuck else {}),
        "In short": [] if stuck else _short(run, alone),
        "What the losses teach": [] if stuck else _effects(run, alone, MOVES),
        "What they cost": [] if stuck else _effects(run, alone, HARM),
        "Other changes": _others(run, [variant for variant in told if variant not in alone]),
        "Losses that do not work": [
            *faults.sentences(verdicts, ablation.reference),
            *_same(ablation, alone),
        ],
        **({} if stuck else {"Collapse": sentences(ablation, changed)}),
        "Still open": _open(ablation, told),
        "A lead, no result": _lead(run, told),
    }
    return [Point(head, " ".join(map(sentence, said))) for head, said in points.items() if said]


def markdown(points: Sequence[Mapping[str, str]]) -> str:
    """The points as a list."""
    return "\n".join(f"- **{point['head']}.** {point['text']}" for point in points)


@dataclass(frozen=True)
class Run:
    """What the sentences are about.

    Attributes:
        changed: Variant -> `section.key` -> value, of every variant but the reference.
        losses: Those that the reference trains with.
    """

    ablation: Ablation
    changed: Changes
    losses: list[str]

    def subject(self, variant: str) -> str:
        """A variant as the start of a sentence."""
        return subject(variant, self.changed[variant], self.losses)

    def subjects(self, variants: Sequence[str]) -> str:
        """One or two variants in words, more by their names."""
        if len(variants) > 2:
            return f"in {names(variants)}"
        first, *others = [self.subject(variant) for variant in variants]
        return " and ".join([first, *(f"{one[0].lower()}{one[1:]}" for one in others)])

    def single(self, variants: Sequence[str]) -> dict[str, str]:
        """Loss -> the variant that leaves out this one alone."""
        found = {variant: removed(self.changed[variant]) for variant in variants}
        return {left_out[0]: variant for variant, left_out in found.items() if len(left_out) == 1}

    def primary(self, variant: str, role: str = "") -> dict[str, Significance]:
        """The primary endpoints of a variant, or those that its losses move, or may harm."""
        reasons = self.ablation.endpoints.get(variant, {})
        return {
            name: judged
            for name, judged in self.ablation.significance.get(variant, {}).items()
            if judged.family == PRIMARY and any(reason.endswith(role) for reason in reasons[name])
        }

    def worse(self, variant: str, name: str) -> bool | None:
        """Whether a variant is farther from real patients than the reference; None where there are none to match."""
        measure, floor = METRICS[name], self.ablation.anchors.get(FLOOR, {}).get(name)
        target = measure.ideal if floor is None else floor
        if target is None and measure.better == "match":
            return None
        estimates, reference = self.ablation.estimates, self.ablation.reference
        own, base = (measure.gap(estimates[one][name].mean, target or 0.0) for one in (variant, reference))
        return own > base

    def in_margins(self, variant: str, name: str) -> float:
        """How large a difference is, in equivalence margins."""
        return abs(self.ablation.differences[variant][name].mean) / (self.ablation.margins.get(name) or 1.0)

    def difference(self, variant: str, name: str) -> str:
        """Which way a metric differs, how much, and whether that is better."""
        worse = self.worse(variant, name)
        judged = "" if worse is None else f" ({'worse' if worse else 'better'})"
        return f"{way(name, self.ablation.differences[variant][name])}{judged}"


def _short(run: Run, alone: Sequence[str]) -> list[str]:
    """Of every loss that one variant leaves out: whether it improves what it should, and what it harms."""
    said: list[str] = []
    useless: list[str] = []
    open_: list[str] = []
    for objective, variant in run.single(alone).items():
        moved = run.primary(variant, MOVES)
        better = [name for name, one in moved.items() if one.outcome == DIFFERS and run.worse(variant, name)]
        if better:
            said.append(f"{loss(objective)} improves {listed([in_words(name) for name in better])}")
        elif any(one.outcome == UNDECIDED for one in moved.values()):
            open_.append(loss(objective))
        elif moved:
            useless.append(loss(objective))
    if useless:
        said.append(f"{_none_of(useless)} what it is meant to improve")
    if open_:
        does = "do" if len(open_) > 1 else "does"
        they = "they are" if len(open_) > 1 else "it is"
        asked = f"whether {listed(open_)}"
        said.append(f"{asked} {does} is undecided" if useless else f"{asked} {does} what {they} meant to is undecided")
    for objective, variant in run.single(alone).items():
        harm = run.primary(variant, HARM)
        cost = [name for name, one in harm.items() if one.outcome == DIFFERS and run.worse(variant, name) is False]
        for verb, higher in (("lowers", True), ("raises", False)):
            those = [name for name in cost if (run.ablation.differences[variant][name].mean > 0) == higher]
            if those:
                said.append(f"{loss(objective)} {verb} {listed([in_words(name) for name in those])}")
    return said


def _none_of(losses: Sequence[str]) -> str:
    """Subject and verb of a sentence on losses that do nothing.

    Example:
        >>> _none_of(["the age loss", "the sex loss"])
        'neither the age loss nor the sex loss noticeably improves'
    """
    if len(losses) == 1:
        return f"{losses[0]} does not noticeably improve"
    if len(losses) == 2:
        return f"neither {losses[0]} nor {losses[1]} noticeably improves"
    return f"none of {listed(losses)} noticeably improves"


def _effects(run: Run, alone: Sequence[str], role: str) -> list[str]:
    """What differs in the endpoints of this role, a sentence a variant; what others show as well is said once."""
    distinct = _distinct(run.ablation, sorted(alone, key=lambda variant: len(run.changed[variant])))
    said: list[str] = []
    without: list[str] = []
    open_: list[str] = []
    again: list[str] = []
    known: set[tuple[str, bool]] = set()
    for variant in distinct:
        judged = run.primary(variant, role)
        beyond = {
            (name, run.ablation.differences[variant][name].mean > 0) for name, one in judged.items() if one.differs
        }
        if beyond:
            new = {name: one for name, one in judged.items() if any(key[0] == name for key in beyond - known)}
            said += _found(run, variant, new, again=bool(beyond & known))
            if not beyond - known:
                again.append(variant)
            known |= beyond
        elif judged:
            (open_ if any(one.outcome == UNDECIDED for one in judged.values()) else without).append(variant)
    if again:
        said.append(f"part of the same shows in {names(again)}")
    if without:
        said.append(f"{run.subjects(without)}, nothing that {_role(role, without)} differs by an amount that matters")
    if open_:
        said.append(
            f"{run.subjects(open_)}, no difference is shown in what {_role(role, open_)}, but not all is decided"
        )
    return said


def _role(role: str, variants: Sequence[str]) -> str:
    if len(variants) > 1:
        return "the losses are meant to move" if role == MOVES else "the losses may harm"
    return "the loss is meant to move" if role == MOVES else "the loss may harm"


def _found(run: Run, variant: str, judged: Mapping[str, Significance], again: bool) -> list[str]:
    """The differences of one variant that are beyond chance, the largest with their size."""
    matter = [name for name, one in judged.items() if one.outcome == DIFFERS]
    matter.sort(key=lambda name: -run.in_margins(variant, name))
    slight = [name for name, one in judged.items() if one.outcome == SLIGHT]
    start = f"{run.subject(variant)}, {'besides, ' if again else ''}"
    said = []
    if matter:
        said.append(start + listed([run.difference(variant, name) for name in matter[:MANY]]))
    if len(matter) > MANY:
        said.append(f"{len(matter) - MANY} more of its endpoints differ")
    if slight:
        little = listed([way(name, run.ablation.differences[variant][name]) for name in slight[:MANY]])
        said.append(f"{little} there, too little to matter" if said else f"{start}{little}, too little to matter")
    return said


def _distinct(ablation: Ablation, variants: Sequence[str]) -> list[str]:
    """Without the variants that came out the same as one before them."""
    kept: list[str] = []
    for variant in variants:
        if all(ablation.estimates[variant] != ablation.estimates[one] for one in kept):
            kept.append(variant)
    return kept


def _same(ablation: Ablation, variants: Sequence[str]) -> list[str]:
    """Variants with equal values in every metric: what differs between them teaches nothing."""
    said = []
    everyone = [variant for variant in (ablation.reference, *variants) if ablation.estimates.get(variant)]
    for first in _distinct(ablation, everyone):
        if len(alike := [one for one in everyone if ablation.estimates[one] == ablation.estimates[first]]) > 1:
            said.append(f"{names(alike)} came out equal in every metric")
    return said


def _few(ablation: Ablation) -> list[str]:
    """A warning where chance hides nearly everything."""
    if (patients := min(ablation.patients)) >= FEW_PATIENTS:
        return []
    return [f"with {patients} patients on each side, chance hides all but the largest effects"]


def _others(run: Run, variants: Sequence[str]) -> list[str]:
    """Variants that change more than the loss: how many endpoints differ, and the largest difference.

    Where one collapsed and the reference did not, or the reverse, everything differs, and only `collapse` speaks.
    """
    base = collapsed(run.ablation, run.ablation.reference)
    comparable = [variant for variant in variants if collapsed(run.ablation, variant) == base]
    found = {
        variant: [name for name, one in run.primary(variant).items() if one.outcome == DIFFERS]
        for variant in _distinct(run.ablation, comparable)
    }
    differing = {variant: those for variant, those in found.items() if those}
    said = []
    for variant, those in list(differing.items())[:NAMED]:
        largest = max(those, key=lambda name: run.in_margins(variant, name))
        differ = "differs" if len(those) == 1 else "differ"
        said.append(f"{run.subject(variant)}, {run.difference(variant, largest)}")
        said.append(f"{len(those)} of {len(run.primary(variant))} primary endpoints {differ}")
    if more := list(differing)[NAMED:]:
        said.append(f"{names(more)} differ too")
    return said


def _open(ablation: Ablation, told: Sequence[str]) -> list[str]:
    """How many primary comparisons are undecided, and what the cheapest would take."""
    judged = {
        (variant, name): one
        for variant, row in ablation.significance.items()
        for name, one in row.items()
        if one.family == PRIMARY
    }
    if not judged:
        return [f"nothing was compared with `{ablation.reference}`: that needs another variant, and two seeds of both"]
    undecided = {key: one for key, one in judged.items() if one.outcome == UNDECIDED}
    differ = sum(one.outcome == DIFFERS for one in judged.values())
    decided = len(judged) - len(undecided)
    said = [
        f"{decided} of the {len(judged)} primary comparisons with `{ablation.reference}` are decided",
        f"{differ} differ, and {decided - differ} show no effect that matters",
    ]
    if undecided:
        order = sorted(undecided, key=lambda key: (key[0] not in told, undecided[key].seeds or 10**6))
        need = [f"{_seeds(undecided[key])} for `{key[1]}` of `{key[0]}`" for key in order[:NAMED]]
        such = ", such as" if len(undecided) > NAMED else ":"
        said.append(f"the rest needs more seeds{such} {listed(need)}")
    return said


def _seeds(judged: Significance) -> str:
    return about(judged.seeds).removesuffix(" seeds")


def _lead(run: Run, variants: Sequence[str]) -> list[str]:
    """The strongest exploratory difference that is beyond the false discovery rate and has one cause."""
    ablation = run.ablation
    base = collapsed(ablation, ablation.reference)
    ranked = sorted(
        (judged.p, -run.in_margins(variant, name), place, variant, name)
        for place, variant in enumerate(_distinct(ablation, variants))
        if collapsed(ablation, variant) == base
        for name, judged in ablation.significance[variant].items()
        if judged.family != PRIMARY
    )
    if not ranked:
        return []
    *_, variant, name = ranked[0]
    if not ablation.significance[variant][name].differs:
        return ["nothing that was not named beforehand is beyond chance"]
    return [
        f"{run.subject(variant)}, {way(name, ablation.differences[variant][name])}",
        "this was not named beforehand, and needs new seeds to be a result",
    ]
