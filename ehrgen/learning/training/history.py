"""What each objective did in each epoch: the rows of reports/history/V/S.csv.

epoch          1, 2, ...
objective      name
value          nats, mean over the epoch's positions
weight         its multiplier, mean over the same; at every step the scheme's weight times the schedule's factor
weighted       weight x value, mean over the same
share          |weighted| / sum of |weighted|, 0 to 1
grad_norm      L2 norm of the unweighted gradient on the shared parameters, mean over the measured steps
grad_share     weight x grad_norm, mean over the measured steps, / sum of the same, 0 to 1
grad_cosine    cosine of that gradient with that of lm, mean over the measured steps that have both, -1 to 1
validation_nll nats per symbol on the validation split under the inputs the sampler has (one value an epoch)

The others are of `probes`: on validation patients after the epoch, as they are and with prompts exchanged. Values are
nats, all else shares from 0 to 1; a patient counts as often as the objective asks about it.

validation_value              of a patient's own codes and prompt
chance                        value of who knows frequencies alone: of labels for age and sex, of symbols for lm
accuracy                      of a head
value_, accuracy_codes_shuffled     with another patient's codes
value_, accuracy_prompts_shuffled   with another patient's prompt
probe_accuracy                of a classifier that sees codes alone and learned from real ones
majority                      share of the commonest label

A field is empty where there was nothing to measure.
"""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from ehrgen.core.files import replacing


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
    grad_cosine: float | None
    validation_nll: float
    validation_value: float | None = None
    chance: float | None = None
    accuracy: float | None = None
    value_codes_shuffled: float | None = None
    accuracy_codes_shuffled: float | None = None
    value_prompts_shuffled: float | None = None
    accuracy_prompts_shuffled: float | None = None
    probe_accuracy: float | None = None
    majority: float | None = None

    def as_written(self) -> Self:
        """The row with numbers as `write` rounds them, which is how findings read them."""
        values: dict[str, Any] = {
            name: float(_written(v)) if isinstance(v, float) else v for name, v in asdict(self).items()
        }
        return type(self)(**values)


Probed = Mapping[str, float | None]
"""What probes measured of one objective, by column of `Row`; None where it has no such thing."""


class Means:
    """Weighted mean of a number by name. It is updated, not divided at the end, so that equal numbers stay exact."""

    def __init__(self) -> None:
        self.mean: dict[str, float] = {}
        self.seen: dict[str, float] = {}

    def add(self, values: Mapping[str, float], weight: float = 1.0) -> None:
        """Count these values, each `weight` times."""
        for name, value in values.items():
            self.seen[name] = self.seen.get(name, 0.0) + weight
            before = self.mean.get(name, 0.0)
            self.mean[name] = before + (value - before) * (weight / self.seen[name])


class Epoch:
    """Running means of one epoch."""

    def __init__(self) -> None:
        self.value, self.weight, self.weighted = Means(), Means(), Means()
        self.norm, self.pull, self.cosine = Means(), Means(), Means()
        self.scored: set[str] = set()
        """Objectives that had a term in a measured step."""

    def add(self, values: Mapping[str, float], weights: Mapping[str, float], batch_weight: float) -> None:
        """Count one batch; `batch_weight` is its share of positions."""
        self.value.add(values, batch_weight)
        self.weight.add({name: weights[name] for name in values}, batch_weight)
        self.weighted.add({name: weights[name] * value for name, value in values.items()}, batch_weight)

    def add_gradients(
        self,
        norms: Mapping[str, float],
        cosines: Mapping[str, float],
        weights: Mapping[str, float],
        scored: Iterable[str],
    ) -> None:
        """Count one measured step, in which the objectives `scored` had a term."""
        self.norm.add(norms)
        self.cosine.add(cosines)
        self.pull.add({name: weights[name] * norm for name, norm in norms.items()})
        self.scored |= set(scored)

    def constants(self) -> set[str]:
        """Objectives with a weight and a value, but a gradient of exactly 0 at every measured step."""
        return {
            name
            for name, value in self.value.mean.items()
            if name in self.scored and self.norm.mean[name] == 0 and value != 0 and self.weight.mean[name] > 0
        }

    def rows(self, epoch: int, validation_nll: float, probed: Mapping[str, Probed] | None = None) -> list[Row]:
        """The epoch's rows, one an objective; `probed` fills further columns, by objective."""
        total = sum(abs(weighted) for weighted in self.weighted.mean.values())
        pull = sum(self.pull.mean.values())
        return [
            Row(
                epoch=epoch,
                objective=name,
                value=value,
                weight=self.weight.mean[name],
                weighted=self.weighted.mean[name],
                share=abs(self.weighted.mean[name]) / total,
                grad_norm=self.norm.mean[name],
                grad_share=self.pull.mean[name] / pull,
                grad_cosine=self.cosine.mean.get(name),
                validation_nll=validation_nll,
                **(probed or {}).get(name, {}),
            )
            for name, value in self.value.mean.items()
        ]


def _written(value: float) -> str:
    """Six significant digits."""
    return f"{value:.6g}"


def write(rows: list[Row], path: Path) -> None:
    """Write the table as CSV, six significant digits; what is None is left empty."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(f.name for f in fields(Row))
        for row in rows:
            writer.writerow(_written(v) if isinstance(v, float) else v for v in asdict(row).values())
