"""What each objective weighed at the end of training: the last epoch of the histories, mean over seeds."""

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean

COLUMNS = ("value", "weight", "share", "grad_norm", "grad_share", "validation_nll")

Row = Mapping[str, str]


class HistoryError(ValueError):
    """A history that cannot be read; the message says which file and what is wrong."""


def load(path: Path) -> list[Row]:
    """The rows of reports/history/VARIANT/SEED.csv: one an epoch and objective; unknown columns are welcome.

    Raises:
        HistoryError: If a column is missing that tells the rows apart, or there is no row.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise HistoryError(f"{path}: no rows; remove it and run `dvc repro` again")
    missing = [name for name in ("epoch", "objective") if name not in rows[0]]
    if missing:
        raise HistoryError(f"{path}: column {', '.join(missing)} missing; found {', '.join(rows[0])}")
    return rows


def final_epoch(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Objective -> column -> value in the last epoch; what was not measured (an empty field) is absent.

    Raises:
        HistoryError: If a field is not a finite number.
    """
    last = max(int(row["epoch"]) for row in rows)
    return {
        row["objective"]: {name: number(row[name], name) for name in COLUMNS if row.get(name)}
        for row in rows
        if int(row["epoch"]) == last
    }


def mean_over_seeds(histories: Iterable[Sequence[Row]]) -> dict[str, dict[str, float]]:
    """Objective -> column -> mean of the last epochs of these seeds."""
    collected: dict[str, dict[str, list[float]]] = {}
    for rows in histories:
        for objective, values in final_epoch(rows).items():
            for name, value in values.items():
                collected.setdefault(objective, {}).setdefault(name, []).append(value)
    return {
        objective: {name: fmean(values) for name, values in columns.items()} for objective, columns in collected.items()
    }


def number(text: str, column: str) -> float:
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
