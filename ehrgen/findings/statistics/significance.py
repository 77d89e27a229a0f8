"""Whether a difference between variants is an effect, no effect, or undecided.

It *differs* if chance alone would show it rarely, Holm-corrected over all differences that are looked at. It is
*equivalent* to none if its 90 % interval lies within the metric's equivalence margin: the standard error of the floor
over samples of real patients (`metrics.jackknife`). Both together are *slight*. All else is *undecided*, which is not
"no effect".

Sources:
    Holm (1979), A simple sequentially rejective multiple test procedure, https://www.jstor.org/stable/4615733.
    Schuirmann (1987), A comparison of the two one-sided tests procedure, https://doi.org/10.1007/BF01068419.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from ehrgen.findings.statistics.intervals import Estimate

ALPHA = 0.05
DIFFERS, SLIGHT, EQUIVALENT, UNDECIDED = "differs", "slight", "equivalent", "undecided"
SIGNS = {DIFFERS: "*", SLIGHT: "*≈", EQUIVALENT: "≈", UNDECIDED: ""}
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Significance:
    """What a difference is: one of SIGNS, and its p value, corrected."""

    outcome: str
    p: float

    @property
    def differs(self) -> bool:
        return self.outcome in (DIFFERS, SLIGHT)


def significance(differences: Mapping[Key, Estimate], margins: Mapping[Key, float]) -> dict[Key, Significance]:
    """Of every difference that has an interval; without a margin only what is exactly 0 is equivalent.

    Differences of exactly 0 in every seed are no tests: two variants that train alike would make Holm stricter.

    Example:
        >>> differences = {"a": Estimate(1.0, 0.1, 5), "b": Estimate(0.0, 0.2, 5), "c": Estimate(0.0, 2.0, 5)}
        >>> [judged.outcome for judged in significance(differences, {"b": 0.3, "c": 0.3}).values()]
        ['differs', 'equivalent', 'undecided']
    """
    p_values = {key: difference.p for key, difference in differences.items() if difference.p is not None}
    corrected = holm({key: p for key, p in p_values.items() if not _same(differences[key])})
    outcomes = {}
    for key in p_values:
        p = corrected.get(key, 1.0)
        within = differences[key].lies_within(margins.get(key, 0.0), 1 - 2 * ALPHA)
        if p <= ALPHA:
            outcomes[key] = Significance(SLIGHT if within else DIFFERS, p)
        else:
            outcomes[key] = Significance(EQUIVALENT if within else UNDECIDED, p)
    return outcomes


def holm(p_values: Mapping[Key, float]) -> dict[Key, float]:
    """p values that hold for all tests together, at most 1.

    Six lines of our own: statsmodels has them, and takes a second to import in a stage that takes less.

    Example:
        >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
        {'a': 0.03, 'c': 0.06, 'b': 0.06}
    """
    corrected, largest = {}, 0.0
    for place, key in enumerate(sorted(p_values, key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[key]))
        corrected[key] = largest
    return corrected


def _same(difference: Estimate) -> bool:
    return difference.mean == 0 and difference.half_width == 0
