from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chisquare

from ehrgen.core.command import run
from ehrgen.data.people import PeopleError, check_tables, draw_people, read_people
from ehrgen.release.request import Request
from tests.support.sandbox import ROOT

CASES = ROOT.parent / "shared" / "cases" / "09_people_table"
GOOD = pd.DataFrame({"sex": ["F", "M", "F"], "age_years": [0.0, 90.0, 34.5]})


def test_a_table_of_people(tmp_path: Path):
    GOOD.assign(other="x").to_parquet(tmp_path / "people.parquet")
    assert read_people(tmp_path / "people.parquet").equals(GOOD)
    GOOD.assign(age_years=[0, 90, 34]).to_parquet(tmp_path / "whole.parquet")
    assert read_people(tmp_path / "whole.parquet")["age_years"].tolist() == [0.0, 90.0, 34.0]


BAD = {
    "a sex of F or M": (GOOD.assign(sex=["Female", "M", None]), "2 of 3 people are without a sex of F or M"),
    "over 90": (
        GOOD.assign(age_years=[90.5, 300.2, 1]),
        "2 of 3 people are without an age of 0 to 90, which",
    ),
    "below 0": (GOOD.assign(age_years=[-1.0, 5, 5]), "1 of 3 people are without an age of 0 to 90"),
    "no age": (GOOD.assign(age_years=[np.nan, 5, 5]), "1 of 3 people are without an age of 0 to 90"),
    "text": (GOOD.assign(age_years=["34", "5", "6"]), "column age_years is str; write years as numbers"),
    "other names": (
        GOOD.set_axis(["gender", "age"], axis=1),
        "column sex, age_years missing; the file has gender, age",
    ),
    "no column": (GOOD[[]], "column sex, age_years missing; the file has none"),
    "no rows": (GOOD[:0], "no rows; give at least one person"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_table_that_is_none_is_named(tmp_path: Path, case: str):
    people, message = BAD[case]
    people.to_parquet(tmp_path / "people.parquet")
    with pytest.raises(PeopleError, match=rf"^{tmp_path}/people\.parquet: {message}"):
        read_people(tmp_path / "people.parquet")


def test_a_file_that_is_no_parquet_is_named(tmp_path: Path):
    (tmp_path / "people.csv").write_text("sex,age_years\nF,34\n")
    for name, message in (("people.csv", "not readable as parquet"), ("absent", "no such file"), ("", "no such file")):
        with pytest.raises(PeopleError, match=f"^{tmp_path / name}: {message}"):
            read_people(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("age300.parquet", "20 of 40 people are without an age of 0 to 90"),
        ("names.parquet", "column sex, age_years missing; the file has gender"),
        ("words.parquet", "40 of 40 people are without a sex of F or M"),
        ("people.csv", "not readable as parquet"),
        ("absent.parquet", "no such file"),
    ],
)
def test_public_tables_that_are_none(name: str, message: str):
    if not CASES.exists():
        pytest.skip(f"{CASES} is absent")
    with pytest.raises(PeopleError, match=rf"{name}: {message}"):
        read_people(CASES / name)


def test_the_variants_of_a_bad_table_are_named(tmp_path: Path):
    table = str(tmp_path / "people.parquet")
    tables = {"a": None, "b": table, "c": table}
    effective = {name: {"sampling": {"table": table}} for name, table in tables.items()}
    with pytest.raises(PeopleError, match=rf"^params\.yaml: sampling\.table of b, c: {table}: no such file"):
        check_tables(effective, "params.yaml")
    GOOD.to_parquet(table)
    check_tables(effective, "params.yaml")


def test_draws_keep_the_joint_distribution():
    table = pd.DataFrame({"sex": ["F", "M", "M", "F"], "age_years": [30.0, 70.0, 70.0, 1.0], "other": 0})
    chosen = draw_people(table, 4000, np.random.default_rng(0))
    assert list(chosen.columns) == ["sex", "age_years"] and chosen.index.tolist() == list(range(4000))
    pairs = Counter(zip(chosen["sex"], chosen["age_years"], strict=True))
    counts = [pairs["F", 30.0], pairs["M", 70.0], pairs["F", 1.0]]
    assert sum(counts) == 4000
    assert chisquare(counts, [1000, 2000, 1000]).pvalue > 0.01


def test_draws_follow_their_seed():
    first, again, other = (draw_people(GOOD, 30, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.equals(again) and not first.equals(other)


def test_a_request_reads_by_the_same_rule(tmp_path: Path):
    request = Request(tmp_path, 5, None, None, tmp_path / "people.parquet", 0, False, tmp_path / "out")
    GOOD.to_parquet(tmp_path / "people.parquet")
    assert len(request.people(np.random.default_rng(0))) == 5
    BAD["over 90"][0].to_parquet(tmp_path / "people.parquet")
    with pytest.raises(PeopleError, match=r"people\.parquet: 2 of 3 people are without an age"):
        request.people(np.random.default_rng(0))


def test_resolve_refuses_a_table_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    from pipeline import resolve

    text = (ROOT / "params.yaml").read_text()
    monkeypatch.chdir(tmp_path)
    assert text.count("  table: null ") == 1
    (tmp_path / "params.yaml").write_text(text.replace("  table: null ", "  table: people.parquet "))
    with pytest.raises(SystemExit):
        run(resolve.main)
    said = capsys.readouterr().err
    assert said.startswith("error: params.yaml: sampling.table of multitask, ") and said.count("\n") == 1
    assert "people.parquet: no such file" in said and not (tmp_path / "resolved.yaml").exists()
    GOOD.to_parquet(tmp_path / "people.parquet")
    (tmp_path / "data").mkdir()
    run(resolve.main)
    assert (tmp_path / "resolved.yaml").exists()
