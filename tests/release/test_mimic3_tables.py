import re
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehrgen.data.cohort import Cohort
from ehrgen.data.icd9.codebook import long_titles
from ehrgen.data.readers import mimic3
from ehrgen.release import mimic3_tables
from ehrgen.release.timeline import Timeline
from tests.support.cohorts import cohort, population

DEMO = Path(__file__).parents[3] / "shared" / "data" / "mimic3-demo"
# All of them billable: of others the reader takes a few and no more.
CODES = ("0389", "00845", "4019", "V3000", "E8497", "V270", "5849", "42731", "V1582", "E8490")
VISITS = st.lists(st.lists(st.sampled_from(CODES), min_size=1, max_size=5, unique=True), min_size=1, max_size=8)
AGES = st.floats(0, 120, allow_subnormal=False)
PEOPLE = st.lists(st.tuples(VISITS, st.sampled_from("FM"), AGES), min_size=1, max_size=6)


def written(patients: Cohort, folder: Path, seed: int = 0) -> Path:
    mimic3_tables.write(patients, Timeline.of(patients, np.random.default_rng(seed)), folder)
    return folder


def same_but_ages(found: Cohort, patients: Cohort) -> None:
    columns = ["patient_id", "sex"]
    pd.testing.assert_frame_equal(found.patients[columns], patients.patients[columns])
    pd.testing.assert_frame_equal(found.diagnoses, patients.diagnoses)


@pytest.mark.slow
@settings(max_examples=40)
@given(PEOPLE, st.integers(0, 9))
def test_the_reader_takes_back_what_was_written(people, seed):
    records = [[["0389"], ["4019"]], *(visits for visits, _, _ in people)]
    sexes, ages = "F" + "".join(sex for _, sex, _ in people), [50.0, *(age for _, _, age in people)]
    patients = cohort([[" ".join(codes) for codes in visits] for visits in records], sexes, ages)
    with tempfile.TemporaryDirectory() as folder:
        found, quality = mimic3.read(written(patients, Path(folder), seed))
    same_but_ages(found, patients)
    assert found.patients["age_years"].tolist() == pytest.approx(np.minimum(ages, 90), abs=1e-6)
    assert not any(quality.dropped.values())
    assert sum(quality.repaired.values()) == sum(age >= 90 for age in ages), "only ages over 89"


def test_two_thousand_patients_come_back(tmp_path: Path):
    made = population(2000, 0)
    distinct = made.diagnoses["code"].unique()
    billable = dict(zip(distinct, sorted(long_titles())[:: len(long_titles()) // len(distinct)], strict=False))
    patients = Cohort(made.patients, made.diagnoses.replace({"code": billable}))
    found, _ = mimic3.read(written(patients, tmp_path))
    same_but_ages(found, patients)


def test_by_hand(tmp_path: Path):
    patients = cohort([["0389 4019", "V3000"], ["4019"]], "MF", [65.0, 90.0])
    written(patients, tmp_path)
    tables = {path.stem: pd.read_csv(path, dtype=str, keep_default_na=False) for path in tmp_path.glob("*.csv")}
    assert tables["DIAGNOSES_ICD"].to_numpy().tolist() == [
        ["1", "0", "1", "1", "0389"],
        ["2", "0", "1", "2", "4019"],
        ["3", "0", "2", "1", "V3000"],
        ["4", "1", "3", "1", "4019"],
    ]
    assert tables["PATIENTS"]["GENDER"].tolist() == ["M", "F"]
    years = [
        int(admission[:4]) - int(birth[:4])
        for birth, admission in zip(tables["PATIENTS"]["DOB"], tables["ADMISSIONS"]["ADMITTIME"][[0, 2]], strict=True)
    ]
    assert years[0] in (65, 66) and years[1] in (300, 301)
    titles = dict(tables["D_ICD_DIAGNOSES"][["ICD9_CODE", "LONG_TITLE"]].to_numpy().tolist())
    assert titles["0389"] == "Unspecified septicemia"
    assert list(titles) == ["0389", "4019", "V3000"]
    assert set(tables["ADMISSIONS"]["INSURANCE"]) == {"NOT MODELLED"} and set(tables["ADMISSIONS"]["LANGUAGE"]) == {""}
    assert tables["D_ICD_DIAGNOSES"]["SHORT_TITLE"].tolist()[:2] == ["Septicemia NOS", "Hypertension NOS"]
    lines = (tmp_path / "PATIENTS.csv").read_text().splitlines()
    assert lines[0] == '"ROW_ID","SUBJECT_ID","GENDER","DOB","DOD","DOD_HOSP","DOD_SSN","EXPIRE_FLAG"'
    assert re.fullmatch(r'1,0,"M","[0-9]{4}-[0-9]{2}-[0-9]{2} 00:00:00",,,,0', lines[1]), "no quotes around nothing"
    assert '"0389"' in (tmp_path / "DIAGNOSES_ICD.csv").read_text()


def test_the_columns_are_those_of_the_demo(tmp_path: Path):
    if not DEMO.exists():
        pytest.skip(f"{DEMO} is absent")
    written(cohort([["0389"]]), tmp_path)
    for name in ("PATIENTS", "ADMISSIONS", "DIAGNOSES_ICD", "D_ICD_DIAGNOSES"):
        ours, theirs = (pd.read_csv(folder / f"{name}.csv", nrows=0).columns for folder in (tmp_path, DEMO))
        assert ours.str.lower().tolist() == theirs.str.lower().tolist()
