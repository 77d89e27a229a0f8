"""The history of one training, read once: each objective through its epochs, and what each weighed in the last one.

The columns are those of reports/history/VARIANT/SEED.csv, a row an epoch and objective; unknown columns are welcome.
What was not measured (an empty field) is absent, never 0.
"""

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from ehrgen.leakage import nats_below_chance, share_lost

OF_ROUNDING = 1e-5  # of a share, which is written with six digits
FINAL_COLUMNS = ("value", "weight", "share", "grad_norm", "grad_share", "validation_nll")

Row = dict[str, str]


class HistoryError(ValueError):
    """A history that cannot be read; the message says which file and what is wrong."""


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
        values = self.of(column)
        return values[-1] if values else None

    def mean(self, column: str) -> float | None:
        """Mean over the measured epochs."""
        values = self.of(column)
        return fmean(values) if values else None

    @property
    def remaining(self) -> float | None:
        """Validation value / chance: 0 nothing left to learn, 1 nothing learned."""
        value, chance = self.last("validation_value"), self.last("chance")
        return None if value is None or not chance else value / chance

    @property
    def nats_below_chance(self) -> float | None:
        """Chance - validation value; None where too little was learned to speak of its parts."""
        return nats_below_chance(self.last("validation_value"), self.last("chance"))

    def lost_with(self, column: str) -> float | None:
        """Share of the nats below chance that is gone in `column` (another patient's prompt, ...): 0 none, 1 all."""
        return share_lost(self.last("validation_value"), self.last("chance"), self.last(column))


Traces = dict[str, Trace]  # objective -> its epochs


@dataclass(frozen=True)
class History:
    """One training.

    Attributes:
        traces: Objective -> its trace; epochs of weight 0 are left out, and objectives that never had a weight.
        final: Objective -> FINAL_COLUMNS -> value in the last epoch, of weight 0 or not.
        epochs: How many there are.
    """

    traces: Traces
    final: dict[str, dict[str, float]]
    epochs: int

    @classmethod
    def load(cls, path: Path) -> "History":
        """The history in reports/history/VARIANT/SEED.csv.

        Raises:
            HistoryError: If there is no row, a column that tells rows apart is missing, a field is not a number, or
                rows are missing; the message names the file.
        """
        rows = _rows(path)
        try:
            return cls(traces(rows), final_epoch(rows), whole_epochs(rows))
        except HistoryError as error:
            raise HistoryError(f"{path}: {error}") from None


def traces(rows: Sequence[Row]) -> Traces:
    """Objective -> its trace; epochs of weight 0 are left out, and objectives that never had a weight.

    Raises:
        HistoryError: If a weight is missing or a field is not a finite number.
    """
    epochs: dict[str, list[dict[str, float]]] = {}
    for row in rows:
        if not row.get("weight"):
            raise HistoryError(f"history: no weight for {row['objective']} in epoch {row['epoch']}; train it again")
        if _number(row["weight"], "weight") == 0:
            continue
        values = {column: _number(text, column) for column, text in row.items() if text and column != "objective"}
        epochs.setdefault(row["objective"], []).append(values)
    return {
        objective: Trace(tuple(sorted(of_objective, key=lambda values: values["epoch"])))
        for objective, of_objective in epochs.items()
    }


def final_epoch(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Objective -> FINAL_COLUMNS -> value in the last epoch.

    Raises:
        HistoryError: If a field is not a finite number.
    """
    epochs = [_number(row["epoch"], "epoch") for row in rows]
    last = max(epochs)
    return {
        row["objective"]: {column: _number(row[column], column) for column in FINAL_COLUMNS if row.get(column)}
        for row, epoch in zip(rows, epochs, strict=True)
        if epoch == last
    }


def whole_epochs(rows: Sequence[Row]) -> int:
    """How many epochs the rows are of: 1, 2, ..., each with one row an objective and shares that add up to 1.

    Raises:
        HistoryError: If rows are missing or there twice.

    Example:
        >>> whole_epochs([{"epoch": "1", "objective": "lm", "share": "1"}, {"epoch": "2", "objective": "lm"}])
        2
    """
    remedy = "remove it and run `dvc repro` again"
    epochs: dict[float, dict[str, str]] = {}
    for row in rows:
        objectives = epochs.setdefault(_number(row["epoch"], "epoch"), {})
        if row["objective"] in objectives:
            raise HistoryError(f"epoch {row['epoch']} has two rows of {row['objective']}; {remedy}")
        objectives[row["objective"]] = row.get("share", "")
    if list(epochs) != list(range(1, len(epochs) + 1)):
        raise HistoryError(f"the epochs are not 1 to {len(epochs)}, so rows are missing; {remedy}")
    everything = set().union(*epochs.values())
    for epoch, objectives in epochs.items():
        shares = [_number(share, "share") for share in objectives.values() if share]
        whole = len(shares) < len(objectives) or abs(sum(shares) - 1) <= OF_ROUNDING * len(shares)
        if objectives.keys() != everything or not whole:
            raise HistoryError(f"rows of epoch {epoch:g} are missing; {remedy}")
    return len(epochs)


def mean_of_final_epochs(histories: Iterable[History]) -> dict[str, dict[str, float]]:
    """Objective -> column -> mean over these trainings of its value in the last epoch."""
    values: dict[str, dict[str, list[float]]] = {}
    for history in histories:
        for objective, columns in history.final.items():
            for column, value in columns.items():
                values.setdefault(objective, {}).setdefault(column, []).append(value)
    return {
        objective: {column: fmean(of_column) for column, of_column in columns.items()}
        for objective, columns in values.items()
    }


def _rows(path: Path) -> list[Row]:
    remedy = "remove it and run `dvc repro` again"
    try:
        text = path.read_text(encoding="utf-8")
        header, *lines = csv.reader(text.splitlines(), strict=True)
    except (OSError, ValueError, csv.Error):  # also of a file without a line
        raise HistoryError(f"{path}: no rows that can be read; {remedy}") from None
    if missing := [column for column in ("epoch", "objective") if column not in header]:
        raise HistoryError(f"{path}: column {', '.join(missing)} missing; found {', '.join(header)}; {remedy}")
    if not lines:
        raise HistoryError(f"{path}: no rows; {remedy}")
    if not text.endswith("\n") or any(len(line) != len(header) for line in lines):
        raise HistoryError(f"{path}: cut off, or not every row has {len(header)} fields; {remedy}")
    return [dict(zip(header, line, strict=True)) for line in lines]


def _number(text: str, column: str) -> float:
    """The finite number in a field.

    Raises:
        HistoryError: If it is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise HistoryError(f"history: {column} holds {text!r}, which is no finite number")
    return value
