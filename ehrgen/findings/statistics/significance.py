"""Whether a difference between variants is an effect, no effect, or undecided.

It *differs* if chance alone would show it rarely. It is *equivalent* to none if its 90 % interval lies within the
metric's equivalence margin (`margins`). Both together are *slight*. An endpoint that may be harmed is asked one thing
more, whether the harm exceeds the margin: it does *no harm* if the upper end of its one-sided 95 % interval does not,
however far the difference goes the other way. All else is *undecided*, which is not "no effect".

How rarely depends on what was asked beforehand. The endpoints of what a variant changes are its *primary* family:
Holm's correction over them, 5 % for the whole family. All other differences of all variants are *exploratory*: of those
that are said to differ, 5 % are expected not to (false discovery rate). They are leads, and are marked as such.

Sources:
    Holm (1979), A simple sequentially rejective multiple test procedure, https://www.jstor.org/stable/4615733.
    Benjamini and Hochberg (1995), Controlling the false discovery rate, https://doi.org/10.1111/j.2517-6161.1995.tb02031.x.
    Schuirmann (1987), A comparison of the two one-sided tests procedure, https://doi.org/10.1007/BF01068419.
    Piaggio et al. (2012), Reporting of noninferiority and equivalence trials, https://doi.org/10.1001/jama.2012.87802.
"""

from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.findings.statistics.power import seeds_to_decide_difference

ALPHA = 0.05
DIFFERS, SLIGHT, EQUIVALENT, NO_HARM, UNDECIDED = "differs", "slight", "equivalent", "no harm", "undecided"
OUTCOMES = (DIFFERS, SLIGHT, EQUIVALENT, NO_HARM, UNDECIDED)
PRIMARY, EXPLORATORY = "primary", "exploratory"
Name = TypeVar("Name", bound=Hashable)
Key = tuple[str, str]  # (variant, metric)


@dataclass(frozen=True)
class Significance:
    """What a difference is.

    Attributes:
        outcome: One of OUTCOMES.
        p: Corrected within its family.
        family: PRIMARY or EXPLORATORY.
        seeds: About how many would decide it; None if it is decided, or more than `power.MOST_SEEDS`.
    """

    outcome: str
    p: float
    family: str
    seeds: int | None = None

    @property
    def differs(self) -> bool:
        return self.outcome in (DIFFERS, SLIGHT)


def significance(
    differences: Mapping[Key, Estimate],
    margins: Mapping[Key, float],
    primary: Collection[Key],
    harm: Mapping[Key, int] | None = None,
    alpha: float = ALPHA,
) -> dict[Key, Significance]:
    """Of every difference that has an interval; without a margin only what is exactly 0 is equivalent.

    Args:
        harm: Of endpoints that may be harmed, which way harm goes: 1 if a positive difference is harm, or else -1.
        alpha: Error of a family, and of each question against a margin; less where one looks several times (`looks`).

    Example:
        >>> differences = {("v", "a"): Estimate(1.0, 0.1, 5), ("v", "b"): Estimate(0.0, 2.0, 5)}
        >>> [(judged.outcome, judged.family) for judged in significance(differences, {}, [("v", "a")]).values()]
        [('differs', 'primary'), ('undecided', 'exploratory')]
    """
    with_interval = {key: difference for key, difference in differences.items() if difference.p is not None}
    exploratory = {key: difference for key, difference in with_interval.items() if key not in primary}
    judged = _judged(exploratory, margins, EXPLORATORY, false_discovery, _next_of_false_discovery, alpha)
    for variant in dict.fromkeys(variant for variant, _ in primary):
        family = {key: with_interval[key] for key in primary if key[0] == variant and key in with_interval}
        judged |= _judged(family, margins, PRIMARY, holm, _next_of_holm, alpha)
    for key, way in (harm or {}).items():
        undecided = key in judged and judged[key].outcome == UNDECIDED
        if undecided and with_interval[key].lies_below(margins.get(key, 0.0), 1 - 2 * alpha, way):
            judged[key] = replace(judged[key], outcome=NO_HARM, seeds=None)
    return {key: judged[key] for key in with_interval}


def _judged(
    differences: Mapping[Key, Estimate],
    margins: Mapping[Key, float],
    family: str,
    correct: Callable[[Mapping[Key, float]], dict[Key, float]],
    next_level: Callable[[int, int], float],
    alpha: float,
) -> dict[Key, Significance]:
    """Differences of exactly 0 in every seed are no tests: two variants that train alike would make others stricter."""
    corrected = correct({key: difference.p or 0.0 for key, difference in differences.items() if not _same(difference)})
    next_alpha = alpha * next_level(len(corrected), sum(p <= alpha for p in corrected.values()))
    judged = {}
    for key, difference in differences.items():
        p, margin = corrected.get(key, 1.0), margins.get(key, 0.0)
        within = difference.lies_within(margin, 1 - 2 * alpha)
        if p <= alpha:
            judged[key] = Significance(SLIGHT if within else DIFFERS, p, family)
        elif within:
            judged[key] = Significance(EQUIVALENT, p, family)
        else:
            seeds = seeds_to_decide_difference(difference, margin, next_alpha, alpha)
            judged[key] = Significance(UNDECIDED, p, family, seeds)
    return judged


def holm(p_values: Mapping[Name, float]) -> dict[Name, float]:
    """p values that hold for all tests together, at most 1.

    Six lines of our own: statsmodels has them, and takes a second to import in a stage that takes less.

    Example:
        >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
        {'a': 0.03, 'c': 0.06, 'b': 0.06}
    """
    corrected, largest = {}, 0.0
    for place, name in enumerate(sorted(p_values, key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[name]))
        corrected[name] = largest
    return corrected


def false_discovery(p_values: Mapping[Name, float]) -> dict[Name, float]:
    """p values such that, of all at most q, a share q is expected to be chance.

    Example:
        >>> false_discovery({"a": 0.01, "b": 0.04, "c": 0.03})
        {'a': 0.03, 'b': 0.04, 'c': 0.04}
    """
    from scipy.stats import false_discovery_control  # half a second, which only the stage that compares needs to spend

    if not p_values:
        return {}
    return dict(zip(p_values, map(float, false_discovery_control(list(p_values.values()))), strict=True))


def _next_of_holm(tests: int, rejected: int) -> float:
    """The share of the error that the next test to be rejected has to pass."""
    return 1 / max(1, tests - rejected)


def _next_of_false_discovery(tests: int, rejected: int) -> float:
    return min(1.0, (rejected + 1) / max(1, tests))


def _same(difference: Estimate) -> bool:
    return difference.mean == 0 and difference.half_width == 0
