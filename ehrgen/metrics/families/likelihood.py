"""What the generator itself thinks of real patients: log-likelihoods, and who can be recognised by them.

One parquet file a run, `likelihoods/VARIANT/SEED.parquet`, a row a real patient; `sample` draws them from each split:

    patient_id      int64    as in the cohort
    split           string   `train` or `heldout`; the pair (split, patient_id) is unique
    log_likelihood  float64  nats, finite, 0 or below: ln P(whole record | sex, age) under the inputs that the
                             sampler has, ends of visits and of the record included, summed over the record
    codes           int32    diagnoses of the record that the likelihood is of, 1 or more

"Under the inputs that the sampler has" is the point: an encoder that reads the record it is to predict copies
it, and its likelihood says nothing about what it generates.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from ehrgen.core.parquet import ParquetError, read_columns
from ehrgen.metrics.statistics import ranking

COLUMNS = {"patient_id": "int64", "split": "str", "log_likelihood": "float64", "codes": "int32"}
LOW_FPR = 0.01


class LikelihoodError(ValueError):
    """A table of log-likelihoods that breaks its schema; the message says how and what to do."""


@dataclass(frozen=True)
class Likelihood:
    """The rows of the module's docstring; construction checks them."""

    rows: pd.DataFrame

    def __post_init__(self) -> None:
        if missing := [name for name in COLUMNS if name not in self.rows.columns]:
            raise LikelihoodError(f"likelihood: column {', '.join(missing)} missing; sample again")
        for name, kind in COLUMNS.items():
            dtype = self.rows[name].dtype
            if not (pd.api.types.is_string_dtype(dtype) if kind == "str" else dtype == kind):
                raise LikelihoodError(f"likelihood.{name}: expected {kind}, found {dtype}; sample again")
        _refuse(~np.isfinite(self.rows["log_likelihood"].to_numpy()), "log_likelihood is not finite")
        _refuse(self.rows["log_likelihood"].to_numpy() > 0, "log_likelihood is above 0, so no probability,")
        _refuse(self.rows["codes"].to_numpy() < 1, "codes is below 1")
        _refuse(self.rows.duplicated(["split", "patient_id"]).to_numpy(), "a patient occurs twice in a split")

    @classmethod
    def load(cls, path: Path) -> Self:
        """The table saved at `path`.

        Raises:
            LikelihoodError: If the file is missing, unreadable or breaks the schema.
        """
        if not path.exists():
            raise LikelihoodError(f"{path}: no such file; it is written by `sample`")
        try:
            return cls(read_columns(path).to_pandas())
        except ParquetError as error:
            raise LikelihoodError(f"{path}: {error}; sample again") from None

    def of(self, split: str) -> pd.DataFrame:
        """The rows of the patients of a split.

        Raises:
            LikelihoodError: If there is none.
        """
        rows = self.rows[self.rows["split"] == split]
        if rows.empty:
            raise LikelihoodError(f"likelihood: no patient of split '{split}'; sample again")
        return rows


def nll_per_code(likelihood: Likelihood) -> float:
    """Nats that the generator needs for one diagnosis of a held-out patient, 0 up; ln V for a coin of V sides.

    Good is low. Nothing that is only sampled can cheat here, but a model that reads the record it is to predict can:
    then it is far below what any other generator reaches, and samples worse.
    """
    rows = likelihood.of("heldout")
    return float(-rows["log_likelihood"].sum() / rows["codes"].sum())


def bits_per_patient(likelihood: Likelihood) -> float:
    """Bits that the generator needs for the whole record of a held-out patient given sex and age, 0 up.

    Good is low, and comparable only between generators of the same records: longer ones take more bits. A generator
    that drops what it cannot encode looks better than it is.
    """
    return float(-likelihood.of("heldout")["log_likelihood"].mean() / math.log(2))


def likelihood_membership_auc(likelihood: Likelihood) -> float:
    """P(a training patient's log-likelihood per code is above a held-out one's), ties half: 0.5 is ideal, 1 a leak.

    The attack of somebody who holds the model. A memorising generator is found out even if it never samples a copy.
    """
    return ranking.auroc(*_members(likelihood))


def likelihood_membership_tpr(likelihood: Likelihood) -> float:
    """Share of training patients recognised by their likelihood at 1 % false alarms: 0.01 is ideal, 1 a leak.

    Few who are recognised with certainty are a leak that the mean over all hides.
    """
    return ranking.tpr_at_fpr(*_members(likelihood), LOW_FPR)


def _members(likelihood: Likelihood) -> tuple[ndarray, Float[ndarray, " n"]]:
    """Whether each patient was trained on, and the log-likelihood per code; equally many of both."""
    parts = [likelihood.of("train"), likelihood.of("heldout")]
    n = min(map(len, parts))
    scores = [(rows["log_likelihood"] / rows["codes"]).to_numpy()[:n] for rows in parts]
    return np.repeat([True, False], n), np.concatenate(scores)


def _refuse(bad: ndarray, what: str) -> None:
    if bad.any():
        raise LikelihoodError(f"likelihood: {what} in {int(bad.sum())} of {len(bad)} rows; sample again")
