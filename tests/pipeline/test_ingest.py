import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet
from ruamel.yaml import YAML

from ehrgen.core.command import run
from ehrgen.data.cohort import Cohort
from ehrgen.release import meds
from ehrgen.release.timeline import Timeline
from pipeline import ingest
from tests.support.cohorts import cohort

ROOT = Path(__file__).parents[2]
SIMULATOR = str(ROOT / "ehrgen/data/simulation/simulator.npz")
TABLES = ["mimic/PATIENTS.csv", "mimic/ADMISSIONS.csv.gz", "mimic/DIAGNOSES_ICD.csv"]
SPLIT = {"train": 0.5, "validation": 0.1, "heldout": 0.2, "heldout2": 0.2}


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def configure(**changes) -> None:
    values = {"source": "nhds", "files": ["nhds.txt"], "patients": None, "seed": 0, "split": SPLIT, **changes}
    with open("params.yaml", "w") as file:
        YAML().dump({"cohort": values}, file)


def write_nhds(records: int, sex: str = "1") -> None:
    line = f"110150{sex}" + "1" * 20 + "4019-486--".ljust(75, "-") + "1" * 48
    Path("nhds.txt").write_text((line + "\n") * records)


def write_mimic3(folder: str, patients: int) -> None:
    Path(folder).mkdir()
    ids = np.arange(patients)
    pd.DataFrame({"SUBJECT_ID": ids, "GENDER": "F", "DOB": "2100-01-01 00:00:00"}).to_csv(
        f"{folder}/PATIENTS.csv", index=False
    )
    pd.DataFrame({"SUBJECT_ID": ids, "HADM_ID": ids, "ADMITTIME": "2150-01-01 00:00:00"}).to_csv(
        f"{folder}/ADMISSIONS.csv.gz", index=False
    )
    pd.DataFrame({"SUBJECT_ID": ids, "HADM_ID": ids, "SEQ_NUM": 1, "ICD9_CODE": "0389"}).to_csv(
        f"{folder}/DIAGNOSES_ICD.csv", index=False
    )


def stop(capsys) -> str:
    """The one line of a stage that stops."""
    with pytest.raises(SystemExit) as end:
        run(ingest.main)
    assert end.value.code == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    return error


def test_nhds_is_capped_split_saved_and_reported(project, capsys):
    write_nhds(200)
    configure(patients=100)
    run(ingest.main)
    cohort = Cohort.load(Path("data/cohort"))
    assert cohort.patients["split"].value_counts().to_dict() == {
        "train": 50,
        "validation": 10,
        "heldout": 20,
        "heldout2": 20,
    }
    report = json.loads(Path("reports/quality.json").read_text())
    assert report["source"] == "nhds" and report["cohort"]["patients"] == 100
    assert report["cohort"]["patients, validation"] == report["cohort"]["patients, train"] == "hidden"
    assert "cohort: patients: 100" in capsys.readouterr().out.splitlines()
    assert sorted(path.name for path in project.iterdir()) == ["data", "nhds.txt", "params.yaml", "reports"]


def test_the_splits_of_a_meds_dataset_are_kept(project):
    patients = cohort([["0389"], ["486"], ["4019"], ["311"], ["4280"]])
    meds.write(patients, Timeline.of(patients, np.random.default_rng(0)), "five", np.random.default_rng(0), project)
    splits = pa.table({"subject_id": range(5), "split": ["train", "held_out", "tuning", "held_out", "train"]})
    parquet.write_table(splits, "metadata/subject_splits.parquet")
    configure(source="meds", files=[str(file) for file in sorted(project.rglob("*.parquet"))])
    run(ingest.main)
    found = Cohort.load(Path("data/cohort")).patients["split"].tolist()
    assert [one.removesuffix("2") for one in found] == ["train", "heldout", "validation", "heldout", "train"]
    assert sorted(found[1::2]) == ["heldout", "heldout2"]


def test_the_seed_decides_who_is_taken(project):
    write_nhds(200)
    chosen = []
    for seed in (1, 1, 2):
        configure(patients=100, seed=seed)
        run(ingest.main)
        chosen.append(Cohort.load(Path("data/cohort")).patients)
    pd.testing.assert_frame_equal(chosen[0], chosen[1])
    assert chosen[0]["patient_id"].tolist() != chosen[2]["patient_id"].tolist()


@pytest.mark.parametrize("patients", [None, 8, 9])
def test_a_cap_above_the_source_takes_all(project, patients):
    write_mimic3("mimic", 8)
    configure(source="mimic3", files=TABLES, patients=patients)
    run(ingest.main)
    assert len(Cohort.load(Path("data/cohort"))) == 8


def test_simulated_patients_are_drawn_by_the_seed(project, monkeypatch):
    drawn = []

    def sample(patients: int, rng: np.random.Generator) -> Cohort:
        drawn.append((patients, int(rng.integers(1000))))
        people = pd.DataFrame({"patient_id": range(12), "sex": "M", "age_years": 3.0, "split": "synthetic"})
        rows = pd.DataFrame({"patient_id": range(12), "visit": 0, "position": 0, "code": "4019"})
        return Cohort.from_rows(people, rows)

    monkeypatch.setattr(ingest, "simulator", SimpleNamespace(load=lambda path: SimpleNamespace(sample=sample)))
    for patients, seed in ((12, 0), (12, 0), (None, 1)):
        configure(source="simulated", files=[SIMULATOR], patients=patients, seed=seed)
        run(ingest.main)
    assert drawn[0] == drawn[1] != drawn[2] and drawn[2][0] == 46_520
    assert json.loads(Path("reports/quality.json").read_text())["source"] == "simulated"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": "mimic"}, "cohort.source: Input should be 'simulated', 'mimic3', 'mimic4', "),
        ({"source": "mimic3"}, "seem to be the public-use file of the NHDS, not tables of MIMIC-III"),
        (
            {"sources": "nhds"},
            "cohort: unknown key 'sources'; known keys: files, patients, seed, source, split",
        ),
        ({"files": ["absent.txt"]}, "absent.txt: No such file or directory; set cohort.files"),
        (
            {"source": "mimic3", "files": ["nhds.txt", "a.csv", "b.csv"]},
            "nhds.txt, a.csv, b.csv: PATIENTS.csv or PATIENTS.csv.gz is missing; name it in cohort.files",
        ),
        ({"files": ["nhds.txt", "more.txt"]}, "cohort.files: nhds is read from one file, not from 2"),
        ({"patients": 3}, "cannot split 3 patients into 4 parts"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_writes_nothing(project, capsys, changes, message):
    write_nhds(20)
    configure(**changes)
    assert message in stop(capsys)
    assert sorted(path.name for path in project.iterdir()) == ["nhds.txt", "params.yaml"]


def test_bad_input_leaves_the_older_cohort(project, capsys):
    write_nhds(20)
    configure()
    run(ingest.main)
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file() and path.name != "nhds.txt"}
    write_nhds(20, sex="7")
    assert "nhds.txt: columns 6 (from 0): 20 of 20 values are no sexes" in stop(capsys)
    assert before == {path: path.read_bytes() for path in before}


def test_no_parameters_is_one_line(project, capsys):
    assert "params.yaml: no such file; run from the project's root" in stop(capsys)
