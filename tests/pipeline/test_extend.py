"""`python -m pipeline.extend`, as it is typed, with a model that knows nothing."""

import sys
from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML

from ehrgen.core.command import run
from pipeline import extend
from tests.release.test_request import RESOLVED
from tests.support.cohorts import population
from tests.support.scoring import long_table
from tests.support.training import untrained

ASKED = ["--model", "models/base/0", "--from", "given.csv"]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    untrained().save(Path("models/base/0"))
    YAML().dump(RESOLVED, Path("resolved.yaml"))
    table = pd.read_csv(long_table(population(40, 3), Path("given.csv")), dtype=str)
    called = "P" + (40 - table["patient"].astype(int)).astype(str)
    table.assign(patient=called).to_csv("given.csv", index=False)


@pytest.fixture
def extended(monkeypatch: pytest.MonkeyPatch):
    def make(*arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", ["extend", *ASKED, *arguments])
        run(extend.main)

    return make


@pytest.mark.slow
def test_every_given_patient_goes_on(extended, capsys: pytest.CaptureFixture[str]):
    extended("--out", "next.csv")
    extended("--out", "again.csv")
    found = pd.read_csv("next.csv", dtype={"code": "str"})
    assert list(found.columns) == ["patient_id", "visit", "position", "code", "log_likelihood"]
    assert found["patient_id"].unique().tolist() == [f"P{number}" for number in range(40, 0, -1)], "as they are called"
    assert Path("next.csv").read_bytes() == Path("again.csv").read_bytes()
    assert "next.csv: 40 visits of 40 patients" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--out", "given.csv"], "--out given.csv: exists"),
        (["--out", "o.csv", "--visits", "0"], "at least 1 visit"),
        (["--out", "o.csv", "--model", "models/other/0"], "--model models/other/0: no folder VARIANT/SEED"),
        (["--out", "o.csv", "--from", "absent"], "--from absent: no such file or folder"),
        (["--out", "o.csv", "--from", "bare.csv"], "the model reads sex and age, which these patients are without"),
    ],
)
def test_what_cannot_be_met_is_one_line(extended, capsys: pytest.CaptureFixture[str], arguments, message):
    long_table(population(5, 3), Path("bare.csv"), described=False)
    with pytest.raises(SystemExit):
        extended(*arguments)
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and message in error
    assert not Path("o.csv").exists()
