import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ehrgen.metrics import evaluation
from ehrgen.metrics.evaluation import EvaluationData
from ehrgen.metrics.families import likelihood
from ehrgen.metrics.families.likelihood import Likelihood, LikelihoodError
from ehrgen.metrics.table.suite import METRICS, NotJudged
from tests.support.cohorts import population

ROWS = pd.DataFrame(
    {
        "patient_id": [0, 1, 0, 1],
        "split": ["heldout", "heldout", "train", "train"],
        "log_likelihood": [-4.0, -2.0, -1.0, -2.0],
        "codes": np.array([2, 1, 1, 1], dtype="int32"),
    }
)


def test_by_hand():
    table = Likelihood(ROWS)
    assert likelihood.nll_per_code(table) == pytest.approx(6 / 3)
    assert likelihood.bits_per_patient(table) == pytest.approx(3 / math.log(2))
    # per code: held out -2 and -2, trained on -1 and -2; of four pairs two are won and two tied
    assert likelihood.likelihood_membership_auc(table) == 0.75
    assert likelihood.likelihood_membership_tpr(table) == pytest.approx(0.5 + 0.5 * 0.01)


def test_a_generator_without_likelihood_is_not_judged():
    names = {name for name, metric in METRICS.items() if metric.family == "likelihood"}
    real = population(1100, 1)
    assert len(names) == 4
    for name in names:
        with pytest.raises(NotJudged, match="states no likelihood"):
            evaluation.value(name, EvaluationData(real, real, real))


def test_a_memorising_model_is_found_out_and_an_honest_one_is_not():
    rng = np.random.default_rng(0)

    def says(bonus: float) -> Likelihood:
        parts = [
            pd.DataFrame({"patient_id": np.arange(1500), "split": split, "codes": np.full(1500, 3, dtype="int32")})
            for split in ("train", "heldout")
        ]
        table = pd.concat(parts, ignore_index=True)
        nats = -20 + rng.normal(size=3000) + bonus * (table["split"] == "train")
        return Likelihood(table.assign(log_likelihood=nats))

    assert likelihood.likelihood_membership_auc(says(0)) == pytest.approx(0.5, abs=0.04)
    assert likelihood.likelihood_membership_tpr(says(0)) < 0.03
    assert likelihood.likelihood_membership_auc(says(5)) > 0.99
    assert likelihood.likelihood_membership_tpr(says(5)) > 0.9


def test_comes_back_from_disk(tmp_path: Path):
    path = tmp_path / "0.parquet"
    ROWS.to_parquet(path, index=False)
    assert Likelihood.load(path).rows.equals(ROWS)


def test_a_missing_or_broken_file_is_named(tmp_path: Path):
    with pytest.raises(LikelihoodError, match="no such file; it is written by `sample`"):
        Likelihood.load(tmp_path / "0.parquet")
    (tmp_path / "0.parquet").write_text("no parquet")
    with pytest.raises(LikelihoodError, match=r"0\.parquet: not readable as parquet"):
        Likelihood.load(tmp_path / "0.parquet")


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("log_likelihood", [-1.0, np.nan, -1.0, -np.inf], "is not finite in 2 of 4 rows"),
        ("log_likelihood", [-1.0, 0.5, -1.0, -1.0], "is above 0, so no probability, in 1 of 4 rows"),
        ("codes", np.array([1, 0, 1, 1], dtype="int32"), "codes is below 1 in 1 of 4"),
        ("codes", [1.0, 1.0, 1.0, 1.0], "expected int32, found float64"),
        ("patient_id", [0, 0, 0, 1], "a patient occurs twice in a split in 1 of 4"),
    ],
)
def test_broken_rows_are_counted(column: str, values: list, message: str):
    with pytest.raises(LikelihoodError, match=message):
        Likelihood(ROWS.assign(**{column: values}))


def test_columns_must_be_there():
    with pytest.raises(LikelihoodError, match="column codes missing"):
        Likelihood(ROWS.drop(columns="codes"))


def test_a_split_without_patients_is_refused():
    with pytest.raises(LikelihoodError, match="no patient of split 'heldout'"):
        likelihood.nll_per_code(Likelihood(ROWS[ROWS["split"] == "train"]))
