"""What changed between the committed results of two revisions, as rows; `comment` puts them into words.

A change of a mean is told from noise by the intervals that both revisions give: it exceeds them if it is larger than
the root of the sum of the squares of their half-widths. That is the 95 % interval of a difference of two independent
means for many seeds and wider than that for few. Seeds are not paired: another revision may train on other patients.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ehrgen.findings.statistics.intervals import Estimate

Json = Mapping[str, Any]
MISSING = "–"
FILES = {  # attribute of a revision -> where it stands
    "params": "params.yaml",
    "resolved": "resolved.yaml",
    "headline": "reports/headline.json",
    "ablation": "reports/ablation.json",
    "findings": "reports/findings.json",
}
VARIED = ("model", "loss", "train", "sampling")  # resolved.yaml holds their effective values


@dataclass(frozen=True)
class Revision:
    """The results of one revision; None for a file that it does not have.

    Attributes:
        name: How it is called in the comment.
        params, resolved: Parameters as written, and the effective ones of each variant.
        headline, ablation, findings: Contents of the reports of these names.
    """

    name: str
    params: Json | None = None
    resolved: Json | None = None
    headline: Json | None = None
    ablation: Json | None = None
    findings: Json | None = None


@dataclass(frozen=True)
class Setting:
    """A parameter that has another value now, and the variants it reaches; none for what is common to all."""

    key: str
    before: Any
    now: Any
    variants: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shift:
    """A mean that is another one now. `exceeds`: beyond the intervals; None: one of the two has none."""

    variant: str
    metric: str
    before: Estimate
    now: Estimate

    @property
    def change(self) -> float:
        return self.now.mean - self.before.mean

    @property
    def interval(self) -> float | None:
        """Half-width of the interval of the change.

        Example:
            >>> Shift("a", "m", Estimate(0.0, 3.0, 3), Estimate(1.0, 4.0, 3)).interval
            5.0
        """
        if self.before.half_width is None or self.now.half_width is None:
            return None
        return math.hypot(self.before.half_width, self.now.half_width)

    @property
    def exceeds(self) -> bool | None:
        return None if self.interval is None else abs(self.change) > self.interval


@dataclass(frozen=True)
class Turn:
    """A verdict on an objective or a claim that is another one now; MISSING where a side has none."""

    what: str
    before: str
    now: str
    because: str = field(default="", compare=False)


def effective(side: Revision) -> Json:
    """Variant -> section -> settings."""
    return (side.resolved or {}).get("effective", {})


def settings(before: Revision, now: Revision) -> list[Setting]:
    """Parameters that differ: the common ones, then the effective ones of variants that both revisions run."""
    shared = [
        dict(flat({k: v for k, v in (side.params or {}).items() if k not in (*VARIED, "variants")}))
        for side in (before, now)
    ]
    common_to_all = [Setting(key, was, is_) for key, was, is_ in _differences(*shared)]
    of_variant = [effective(side) for side in (before, now)]
    reached: dict[tuple[str, str, str], list[str]] = {}
    values: dict[tuple[str, str, str], tuple[Any, Any]] = {}
    for variant in of_variant[1]:
        if variant in of_variant[0]:
            for key, was, is_ in _differences(*(dict(flat(side[variant])) for side in of_variant)):
                same = (key, repr(was), repr(is_))
                reached.setdefault(same, []).append(variant)
                values[same] = was, is_
    return common_to_all + [Setting(same[0], *values[same], tuple(variants)) for same, variants in reached.items()]


def variants(before: Revision, now: Revision) -> tuple[list[str], list[str]]:
    """Variants that run now and did not before, and the reverse."""
    old, new = effective(before), effective(now)
    return [name for name in new if name not in old], [name for name in old if name not in new]


def shifts(before: Json, now: Json, table: str) -> list[Shift]:
    """Means of a table of reports/ablation.json that differ, of variants and metrics that both revisions have.

    Args:
        table: `variants` or `difference_from_reference`.
    """
    moved = []
    for variant, metrics in now.get(table, {}).items():
        for metric, value in metrics.items():
            was = before.get(table, {}).get(variant, {}).get(metric)
            if was is not None and was["mean"] != value["mean"]:
                moved.append(Shift(variant, metric, _estimate(was), _estimate(value)))
    return moved


def headline_shifts(before: Revision, now: Revision) -> list[Shift]:
    """Shifts of the headline variant, as far as both revisions say which it is and have its estimates."""
    names = [(side.params or {}).get("ablation", {}).get("headline") for side in (before, now)]
    tables = [
        (side.ablation or {}).get("variants", {}).get(name, {}) for side, name in zip((before, now), names, strict=True)
    ]
    old, new = ({"variants": {"headline": table}} for table in tables)
    return shifts(old, new, "variants")


def verdicts(before: Json, now: Json) -> list[Turn]:
    """Objectives with another verdict now, by variant; a variant that only one revision runs is left out."""
    turns = []
    for variant, objectives in now["objectives"].items():
        old = before["objectives"].get(variant)
        if old is None:
            continue
        for name in {**old, **objectives}:
            was, is_ = (side.get(name, {}) for side in (old, objectives))
            if was.get("verdict") != is_.get("verdict"):
                turn = (was.get("verdict", MISSING), is_.get("verdict", MISSING), is_.get("evidence", ""))
                turns.append(Turn(f"{variant}: {name}", *turn))
    return turns


def outcomes(before: Json, now: Json) -> list[Turn]:
    """Primary endpoints with another outcome now, of comparisons that both revisions make in this way."""
    turns = []
    for variant, row in now["difference_from_reference"].items():
        for metric, is_ in row.items():
            was = before["difference_from_reference"].get(variant, {}).get(metric, {})
            if is_.get("family") == was.get("family") == "primary" and is_["outcome"] != was["outcome"]:
                turns.append(Turn(f"{variant}: {metric}", was["outcome"], is_["outcome"], _measured(is_)))
    return turns


def claims(before: Json, now: Json) -> list[Turn]:
    """Claims and expectations with another verdict now, known by their sentence and their measure."""
    old, new = (
        {(claim["quote"], claim["measure"]): claim for part in ("claims", "expectations") for claim in side[part]}
        for side in (before, now)
    )
    turns = []
    for key in {**old, **new}:
        was, is_ = (side.get(key, {}) for side in (old, new))
        if was.get("verdict") != is_.get("verdict"):
            turn = (was.get("verdict", MISSING), is_.get("verdict", MISSING), _because(is_))
            turns.append(Turn(f"{key[0]} ({key[1]})", *turn))
    return turns


def _because(claim: Json) -> str:
    if "mean" not in claim:
        return claim.get("reason", "")
    ends = [f"{word} {claim[end]:g}" for end, word in (("supported_from", "≥"), ("supported_to", "≤")) if end in claim]
    return f"{_measured(claim)}; holds if {' and '.join(ends)} ({claim['margin']})"


def _measured(effect: Json) -> str:
    return f"measured {effect['mean']:g}" + (f" ± {effect['half_width']:g}" if "half_width" in effect else "")


def _estimate(written: Json) -> Estimate:
    return Estimate(written["mean"], written.get("half_width"), written["seeds"])


def flat(values: Json, above: str = "") -> Iterator[tuple[str, Any]]:
    """Every value below a mapping, under its keys joined by dots.

    Example:
        >>> dict(flat({"a": {"b": 1, "c": {}}, "d": [2]}))
        {'a.b': 1, 'a.c': {}, 'd': [2]}
    """
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _differences(before: Json, now: Json) -> list[tuple[str, Any, Any]]:
    """(key, before, now) where they differ; MISSING where one has no such key."""
    pairs = [(key, before.get(key, MISSING), now.get(key, MISSING)) for key in {**before, **now}]
    return [(key, was, is_) for key, was, is_ in pairs if was != is_]
