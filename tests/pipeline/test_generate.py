"""`python -m pipeline.generate`, as it is typed, with a model that knows nothing."""

import csv
import sys
from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML

from ehrgen.core.command import run
from ehrgen.data.readers import mimic3
from pipeline import generate
from tests.release.test_request import RESOLVED
from tests.support.scoring import BILLABLE
from tests.support.training import untrained

ASKED = ["--model", "models/base/0", "--patients", "150", "--age"]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    untrained().save(Path("models/base/0"))
    YAML().dump(RESOLVED, Path("resolved.yaml"))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch):
    def make(*arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", ["generate", *ASKED, *arguments])
        run(generate.main)

    return make


@pytest.mark.slow
def test_both_forms_hold_the_same_patients(made, capsys: pytest.CaptureFixture[str]):
    made("60-90", "--sex", "F", "--out", "made")
    printed = capsys.readouterr().out
    assert "150 patients" in printed and "not in the model card: run: dvc.lock has no models/base/0" in printed
    assert {path.name for path in Path("made").iterdir()} == {"mimic3", "meds"}
    rows = pd.read_csv("made/mimic3/DIAGNOSES_ICD.csv", dtype={"ICD9_CODE": "str"})
    events = pd.read_parquet("made/meds/data/0.parquet")
    coded = events[events["code"].str.startswith("DIAGNOSIS")]
    assert coded["subject_id"].tolist() == rows["SUBJECT_ID"].tolist()
    assert coded["hadm_id"].tolist() == rows["HADM_ID"].tolist()
    assert coded["code"].str.removeprefix("DIAGNOSIS//ICD//9//").tolist() == rows["ICD9_CODE"].tolist()
    for form in ("mimic3", "meds"):
        assert "# Synthetic patients of base, seed 0" in Path(f"made/{form}/MODEL_CARD.md").read_text()


@pytest.mark.slow
def test_the_same_request_writes_the_same_bytes(made):
    made("65", "--out", "one")
    made("65", "--out", "two")
    names = [path.relative_to("one") for path in Path("one").rglob("*") if path.is_file()]
    assert len(names) == 10
    assert all((Path("one") / name).read_bytes() == (Path("two") / name).read_bytes() for name in names)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["95", "--out", "made"], "error: --age 95: ages run from 0 to 90, low-high; 90 stands for everyone over 89"),
        (["65", "--sex", "X", "--out", "made"], "error: --sex X: unknown; known are F, M, and both where it is left"),
        (["65", "--out", "models"], "error: --out models: exists"),
        (["65", "--model", "models/no/0", "--out", "made"], "error: --model models/no/0: no folder VARIANT/SEED"),
        (["65", "--age", "65", "--table", "t", "--out", "made"], "error: whom to generate?"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(made, capsys, arguments: list[str], message: str):
    with pytest.raises(SystemExit) as end:
        made(*arguments)
    assert end.value.code == 1
    printed = capsys.readouterr().err
    assert printed.startswith(message) and printed.count("\n") == 1
    assert {path.name for path in Path().iterdir()} == {"models", "resolved.yaml"}


@pytest.mark.slow
def test_the_reader_of_mimic3_takes_what_is_written(made):
    made("20-90", "--out", "made")
    table = Path("made/mimic3/DIAGNOSES_ICD.csv")
    rows = pd.read_csv(table, dtype="str")
    names = dict(zip(rows["ICD9_CODE"].unique(), ["0389", *BILLABLE], strict=False))
    rows.assign(ICD9_CODE=rows["ICD9_CODE"].map(names)).to_csv(table, index=False, quoting=csv.QUOTE_NONNUMERIC)
    cohort, quality = mimic3.read(Path("made/mimic3"))
    assert len(cohort) == 150 and not any(quality.dropped.values())
