"""One objective through one training: the epochs of its history in which it had a weight, as numbers.

The columns are those of reports/history/VARIANT/SEED.csv; what was not measured is None, never 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from ehrgen.findings.statistics import attribution
from ehrgen.findings.statistics.attribution import HistoryError, Row, number

LEAST_KNOWLEDGE = 0.02  # of chance: below, a share of what an objective knows is a ratio of noise


@dataclass(frozen=True)
class Trace:
    """Values by column, an epoch each, of one objective in one training.

    Example:
        >>> trace = Trace(({"value": 4.0}, {"value": 2.0, "grad_share": 0.5}))
        >>> trace.last("value"), trace.mean("value"), trace.mean("grad_share"), trace.last("chance")
        (2.0, 3.0, 0.5, None)
    """

    epochs: tuple[dict[str, float], ...]

    def of(self, column: str) -> list[float]:
        """Every measured value of a column, in order."""
        return [epoch[column] for epoch in self.epochs if column in epoch]

    def last(self, column: str) -> float | None:
        """The value measured last."""
        found = self.of(column)
        return found[-1] if found else None

    def mean(self, column: str) -> float | None:
        """Mean over the measured epochs."""
        found = self.of(column)
        return fmean(found) if found else None

    @property
    def remaining(self) -> float | None:
        """Validation value / chance: 0 nothing left to learn, 1 nothing learned."""
        value, chance = self.last("validation_value"), self.last("chance")
        return None if value is None or not chance else value / chance

    @property
    def knowledge(self) -> float | None:
        """Chance - validation value, nats; None where too little was learned to speak of its parts."""
        remaining, chance = self.remaining, self.last("chance")
        if remaining is None or chance is None or 1 - remaining < LEAST_KNOWLEDGE:
            return None
        return (1 - remaining) * chance

    def lost_with(self, column: str) -> float | None:
        """Share of the knowledge that is gone in `column` (another patient's prompt, other inputs): 0 none, 1 all."""
        changed, knowledge, value = self.last(column), self.knowledge, self.last("validation_value")
        if changed is None or knowledge is None or value is None:
            return None
        return (changed - value) / knowledge

    def kept_with(self, column: str) -> float | None:
        """Share of the knowledge that is still there in `column`: 1 - `lost_with`."""
        lost = self.lost_with(column)
        return None if lost is None else 1 - lost


Traces = dict[str, Trace]


def load(path: Path) -> Traces:
    """The traces of reports/history/VARIANT/SEED.csv.

    Raises:
        HistoryError: If the file cannot be read as numbers; the message names it.
    """
    rows = attribution.load(path)
    try:
        return traces(rows)
    except HistoryError as error:
        raise HistoryError(f"{path}: {error}") from None


def traces(rows: Sequence[Row]) -> Traces:
    """Objective -> its trace in one training; epochs of weight 0 are left out, and objectives that never had one.

    Raises:
        HistoryError: If a weight is missing or a field is not a finite number.
    """
    found: dict[str, list[dict[str, float]]] = {}
    for row in rows:
        if not row.get("weight"):
            raise HistoryError(f"history: no weight for {row['objective']} in epoch {row['epoch']}; train it again")
        if number(row["weight"], "weight") == 0:
            continue
        values = {name: number(text, name) for name, text in row.items() if text and name != "objective"}
        found.setdefault(row["objective"], []).append(values)
    return {name: Trace(tuple(sorted(epochs, key=lambda one: one["epoch"]))) for name, epochs in found.items()}
