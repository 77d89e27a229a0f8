from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ehrgen.core.params import ParamsError
from ehrgen.data.icd9 import codes as icd9
from ehrgen.learning.machine import processes
from ehrgen.release.request import Request, RequestError
from tests.support.training import LOSS, MODEL, SAMPLING, TRAIN, untrained

RESOLVED = {
    "effective": {
        "base": {"model": MODEL, "loss": LOSS, "train": TRAIN, "sampling": SAMPLING},
        "blind": {"model": MODEL, "loss": LOSS, "train": TRAIN, "sampling": SAMPLING | {"demographics": False}},
    }
}
ASKED = {"--model": "models/base/0", "--patients": "30", "--age": "65", "--sex": "F", "--out": "made"}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    untrained().save(Path("models/base/0"))


def request(*flags: str, **changes: str | None) -> Request:
    """ASKED with some options changed; None leaves one out."""
    asked = ASKED | {f"--{name}": value for name, value in changes.items()}
    given = [f"{name}={value}" for name, value in asked.items() if value is not None]
    return Request.parse([*given, *flags])


def test_everybody_is_as_asked():
    made = request(age="60-70").generate(RESOLVED)
    assert len(made) == 30
    assert set(made.patients["sex"]) == {"F"}
    assert made.patients["age_years"].between(60, 71).all()
    assert made.patients["age_years"].nunique() == 30


def test_people_of_a_table():
    rows = pd.DataFrame({"sex": ["F", "M"], "age_years": [20.0, 80.0]})
    rows.to_parquet("people.parquet")
    made = request(age=None, sex=None, table="people.parquet").generate(RESOLVED)
    assert set(map(tuple, made.patients[["sex", "age_years"]].to_numpy())) == {("F", 20.0), ("M", 80.0)}


def test_the_seed_decides():
    one, again, other = (request(seed=seed).generate(RESOLVED).diagnoses for seed in ("1", "1", "2"))
    assert one.equals(again) and not one.equals(other)


@pytest.mark.slow
def test_rules_forbid_what_they_must():
    """`--rules` and a model with male and female codes: asked for women, it gives them no male code."""

    def male(made) -> np.ndarray:
        return (icd9.edits(made.diagnoses["code"])["sex_required"] == "M").to_numpy()

    many = {"age": "60-70", "patients": "1000"}  # one code of 145 is male, and rare
    assert male(request(**many).generate(RESOLVED)).sum() > 5
    assert not male(request("--rules", **many).generate(RESOLVED)).any()


def test_what_is_stated_is_what_was_done():
    stated = request("--rules").stated(RESOLVED)
    assert (stated["age"], stated["sex"], stated["patients"], stated["rule_edits"]) == ("65", "F", 30, True)
    assert "table" not in stated
    assert request(sex=None).stated(RESOLVED)["sex"] == "F or M, at random"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"model": "models/other/0"},
            r"--model models/other/0: no folder VARIANT/SEED .*; models here: models/base/0$",
        ),
        ({"age": None}, r"whom to generate\? give --age \(and --sex\), or --table, not both"),
        ({"table": "people.parquet"}, "give --age .* not both"),
        ({"age": None, "table": "people.parquet"}, "--sex goes with --age"),
        ({"patients": "0"}, "--patients 0 --seed 0: at least 1 patient"),
        ({"seed": "-1"}, "and a seed from 0 up"),
        ({"out": "models"}, "--out models: exists; name a folder that does not, or remove it"),
    ],
)
def test_what_cannot_be_asked(changes: dict[str, Any], message: str):
    with pytest.raises(RequestError, match=message):
        request(**changes)


def test_a_request_is_one_process(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(processes, "count", lambda: 2)
    with pytest.raises(RequestError, match="generate is one process, started as 2; leave the launcher out"):
        request().generate(RESOLVED)


def test_a_model_with_a_file_missing_is_none():
    Path("models/base/0/model.safetensors").unlink()
    with pytest.raises(RequestError, match="models here: none, run `dvc repro`"):
        request()


def test_a_variant_without_demographics_is_not_asked_for_them():
    untrained().save(Path("models/blind/0"))
    with pytest.raises(RequestError, match="blind samples without demographics"):
        request(model="models/blind/0").generate(RESOLVED)


def test_a_variant_that_is_not_resolved_is_named():
    untrained().save(Path("models/old/0"))
    with pytest.raises(ParamsError, match="no variant 'old'; known: base, blind"):
        request(model="models/old/0").generate(RESOLVED)
