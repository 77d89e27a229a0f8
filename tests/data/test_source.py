import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from ehrgen.core.params import ParamsError, parse
from ehrgen.data.readers.source import SourceError, assignment, check, files_of, forgotten, record, record_path
from ehrgen.data.settings import CohortSettings

NAMES = ("PATIENTS.csv", "admissions.csv.gz", "DIAGNOSES_ICD.csv.gz")
SPLIT = {"train": 0.5, "validation": 0.1, "heldout": 0.2, "heldout2": 0.2}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of MIMIC-III, with tables that are not read."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mimic").mkdir()
    for name in (*NAMES, "CHARTEVENTS.csv.gz", "PATIENTS.txt"):
        (tmp_path / "mimic" / name).write_text(name)
    return tmp_path / "mimic"


def test_the_tables_of_a_folder_in_any_case(folder: Path):
    assert [path.name for path in files_of(folder, "mimic3")] == list(NAMES)
    (folder / "patients.csv.gz").touch()
    assert [path.name for path in files_of(folder, "mimic3")][:2] == ["PATIENTS.csv", "patients.csv.gz"], (
        "said, not chosen"
    )


@pytest.mark.parametrize("files", [["mimic"], "mimic", ["x", "mimic"]])
def test_a_folder_is_refused_with_what_to_write(folder: Path, files: Any):
    with pytest.raises(ParamsError) as refused:
        check({"source": "mimic3", "files": files}, "params.yaml")
    tables = ",".join(str(folder / name) for name in NAMES)
    message = "params.yaml: cohort.files: mimic is a folder; files are named one by one: "
    assert str(refused.value) == f"{message}write -S 'cohort.files=[{tables}]'"
    check({"source": "mimic3", "files": tables.split(",")}, "params.yaml")
    assert assignment(files_of(folder, "mimic3")) in str(refused.value)


def test_the_files_of_other_sources(tmp_path: Path):
    names = ("hosp/patients.csv.gz", "hosp/admissions.csv", "hosp/diagnoses_icd.csv", "hosp/labevents.csv")
    for name in (*names, "data/1.parquet", "data/0.parquet", "metadata/subject_splits.parquet", "data/.x.parquet"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert files_of(tmp_path, "mimic4") == [tmp_path / name for name in names[:3]]
    shards = ["data/0.parquet", "data/1.parquet", "metadata/subject_splits.parquet"]
    assert files_of(tmp_path, "meds") == [tmp_path / name for name in shards]
    assert files_of(tmp_path, "omop") == files_of(tmp_path, "nhds") == []


def test_a_folder_without_tables_is_refused(tmp_path: Path):
    with pytest.raises(ParamsError, match=r"is a folder; files are named one by one: name PATIENTS, ADMISSIONS"):
        check({"source": "mimic4", "files": [str(tmp_path)]}, "params.yaml")


@pytest.mark.parametrize(
    ("source", "files", "message"),
    [
        ("nhds", ["a", "b"], "cohort.files: nhds is read from one file, not from 2"),
        ("simulated", ["a", "b", "c"], "cohort.files: simulated is read from one file, not from 3"),
        ("long", ["a", "b"], "long is read from one file, not from 2$"),
        ("nhds", ["PATIENTS.csv", "ADMISSIONS.csv.gz", "d.csv"], "these have the names of mimic3 or mimic4 or mimic4_"),
        (
            "long",
            ["a/person.csv", "a/condition_occurrence.csv"],
            "not from 2; these have the names of omop: set cohort",
        ),
        ("nhds", ["a/0.parquet", "a/1.parquet"], "not from 2; these have the names of meds: set cohort.source"),
    ],
)
def test_a_source_of_one_file_has_one(source: str, files: list[str], message: str):
    with pytest.raises(ParamsError, match=message):
        check({"source": source, "files": files}, "params.yaml")


@pytest.mark.parametrize("cohort", [None, [], {}, {"files": 3}, {"files": [3], "source": "nhds"}])
def test_what_is_no_list_of_files_is_left_to_the_settings(cohort: Any):
    check(cohort, "params.yaml")


@pytest.mark.parametrize("file", ["", "a'b", "$(x)", "`x`", "a\nb", "../x.gz", "a/../b", 'a"b', "a\\b"])
def test_a_name_that_would_leave_its_place_is_refused(file: str):
    cohort = {"source": "nhds", "files": [file], "patients": None, "seed": 0, "split": SPLIT}
    with pytest.raises(ParamsError, match=r"cohort\.files: .* is empty or holds a quote"):
        parse(cohort, CohortSettings, "params.yaml: cohort")
    assert parse(cohort | {"files": ["/a b/c..d.gz"]}, CohortSettings, "cohort").files == ["/a b/c..d.gz"]


def test_a_queued_experiment_is_told_to_name_the_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    copy = tmp_path / ".dvc/tmp/exps/tmp1"
    copy.mkdir(parents=True)
    monkeypatch.chdir(copy)
    (copy / "in_git.gz").touch()
    for file in ("in_git.gz", str(tmp_path / "absent.gz")):
        check({"source": "nhds", "files": [file]}, "params.yaml")
    with pytest.raises(ParamsError, match=f"as git ignores it; queue it by its absolute path, {tmp_path}/raw/n.gz$"):
        check({"source": "nhds", "files": ["raw/n.gz"]}, "params.yaml")


def test_a_record_says_what_was_there(folder: Path):
    record("mimic/PATIENTS.csv", Path("data/source"))
    record(str(folder / "PATIENTS.csv"), Path("data/source"))
    found = {path.read_text() for path in Path("data/source").rglob("*.json")}
    assert len(found) == 1, "wherever the file lies"
    assert json.loads(found.pop()) == {
        "file": "PATIENTS.csv",
        "bytes": 12,
        "sha256": hashlib.sha256(b"PATIENTS.csv").hexdigest(),
    }
    kept = [str(folder / "PATIENTS.csv")]
    assert forgotten(kept, Path("data/source")) == [Path("data/source/mimic/PATIENTS.csv.json")]
    assert record_path(kept[0], Path("data/source")).is_file()


def test_an_unreadable_file_is_one_line(tmp_path: Path):
    with pytest.raises(SourceError, match=r"absent: No such file or directory; set cohort\.files"):
        record("absent", tmp_path)
