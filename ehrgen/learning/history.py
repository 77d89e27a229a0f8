"""What each objective did in each epoch: the rows of reports/history/V/S.csv.

epoch          1, 2, ...
objective      name
value          nats, mean over the epoch's positions
weight         its multiplier
weighted       weight x value
share          weighted / sum of weighted, 0 to 1
grad_norm      L2 norm of the unweighted gradient on the shared parameters, mean over the measured steps
grad_share     weight x grad_norm / sum of the same, 0 to 1
validation_nll nats per symbol on the validation split under the inputs the sampler has (one value an epoch)
"""

import csv
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from ehrgen.files import replacing


@dataclass(frozen=True)
class Row:
    """One objective in one epoch; the module's docstring defines the columns."""

    epoch: int
    objective: str
    value: float
    weight: float
    weighted: float
    share: float
    grad_norm: float
    grad_share: float
    validation_nll: float


@dataclass
class Epoch:
    """Running sums of one epoch."""

    value: dict[str, float] = field(default_factory=dict)
    grad_norm: dict[str, float] = field(default_factory=dict)
    seen: dict[str, float] = field(default_factory=dict)
    measured: int = 0

    def add(self, values: dict[str, float], batch_weight: float) -> None:
        """Count one batch; `batch_weight` is its share of positions."""
        for name, value in values.items():
            self.seen[name] = self.seen.get(name, 0.0) + batch_weight
            self.value[name] = self.value.get(name, 0.0) + batch_weight * value

    def add_norms(self, norms: dict[str, float]) -> None:
        """Count one measured step."""
        self.measured += 1
        for name, norm in norms.items():
            self.grad_norm[name] = self.grad_norm.get(name, 0.0) + norm

    def rows(self, epoch: int, weights: dict[str, float], validation_nll: float) -> list[Row]:
        """The epoch's rows, one an objective."""
        value = {name: total / self.seen[name] for name, total in self.value.items()}
        weighted = {name: weights[name] * value[name] for name in value}
        norm = {name: total / self.measured for name, total in self.grad_norm.items()}
        pull = {name: weights[name] * norm[name] for name in value}
        return [
            Row(
                epoch,
                name,
                value[name],
                weights[name],
                weighted[name],
                weighted[name] / sum(weighted.values()),
                norm[name],
                pull[name] / sum(pull.values()),
                validation_nll,
            )
            for name in value
        ]


def write(rows: list[Row], path: Path) -> None:
    """Write the table as CSV, six significant digits."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(f.name for f in fields(Row))
        for row in rows:
            writer.writerow(f"{v:.6g}" if isinstance(v, float) else v for v in asdict(row).values())
