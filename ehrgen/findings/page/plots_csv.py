"""The shares of every objective in one table, a row an epoch: what `dvc plots` draws and compares."""

import csv
import io
from collections.abc import Mapping

from ehrgen.findings.page.curves import Trainings

COLUMNS = ("variant", "seed", "objective", "epoch", "share", "grad_share")


def shares_csv(traces: Mapping[str, Trainings]) -> str:
    """CSV with `COLUMNS`; rows in which one of the shares was not measured are left out."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for variant, trainings in traces.items():
        for seed, training in trainings.items():
            for objective, trace in training.items():
                for row in trace.epochs:
                    if "share" in row and "grad_share" in row:
                        shares = (f"{row[name]:.6g}" for name in COLUMNS[4:])
                        writer.writerow([variant, seed, objective, f"{row['epoch']:.0f}", *shares])
    return text.getvalue()
