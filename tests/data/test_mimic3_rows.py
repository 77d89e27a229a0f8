from pathlib import Path

import pytest

from ehrgen.data.cohort import Cohort
from ehrgen.data.readers import mimic3
from ehrgen.data.readers.quality import ReaderError
from tests.support.mimic3_tables import many, small, write

ROOT = Path(__file__).parents[2]

DEMO = ROOT.parent / "shared" / "data" / "mimic3-demo"


def codes_of(cohort: Cohort, patient: int) -> list[list[str]]:
    rows = cohort.diagnoses[cohort.diagnoses["patient_id"] == patient]
    return [visit["code"].tolist() for _, visit in rows.groupby("visit")]


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".CSV"])
@pytest.mark.parametrize("case", [str.upper, str.lower, str.title])
def test_by_hand(tmp_path, suffix, case):
    cohort, quality = mimic3.read(write(tmp_path, small(), suffix, case))
    assert cohort.patients["patient_id"].tolist() == [7, 9]
    assert cohort.patients["sex"].tolist() == ["F", "M"]
    assert cohort.patients["age_years"].tolist() == pytest.approx([50.0, 20.25 / 24 / 365.2425], abs=1e-3)
    assert set(cohort.patients["split"]) == {"unassigned"}
    assert codes_of(cohort, 7) == [["4019"], ["99592", "0389"]]
    assert codes_of(cohort, 9) == [["V3000"]]
    assert not any({**quality.dropped, **quality.repaired}.values())


@pytest.mark.parametrize(
    ("edit", "reason", "fewer"),
    [
        (("DIAGNOSES_ICD", 0, "ICD9_CODE", ""), "diagnoses without a code", 1),
        (("DIAGNOSES_ICD", 0, "ICD9_CODE", "99592"), "diagnoses that repeat a code of the admission", 1),
        (("DIAGNOSES_ICD", 0, "HADM_ID", "404"), "diagnoses of no admission in use", 1),
        (("DIAGNOSES_ICD", 0, "SUBJECT_ID", "90000"), "diagnoses whose admission is another patient's", 1),
        (("DIAGNOSES_ICD", 3, "ICD9_CODE", ""), "patients without a diagnosis", 1),
        (("DIAGNOSES_ICD", 2, "HADM_ID", "720000"), "admissions without a diagnosis", 0),
        (("ADMISSIONS", 2, "SUBJECT_ID", "404"), "admissions of no patient in PATIENTS", 1),
        (("ADMISSIONS", 0, "HADM_ID", "710000"), "ADMISSIONS rows that repeat an admission", 2),
        (("PATIENTS", 1, "SUBJECT_ID", "70000"), "PATIENTS rows that repeat a patient", 1),
        (("DIAGNOSES_ICD", 0, "SEQ_NUM", ""), "diagnoses without SEQ_NUM, placed last", 0),
        (("DIAGNOSES_ICD", 0, "ICD9_CODE", " 038.9"), "codes with dots, blanks or lower case", 0),
        (("DIAGNOSES_ICD", 3, "ICD9_CODE", "v3000"), "codes with dots, blanks or lower case", 0),
        (("PATIENTS", 0, "DOB", "1850-01-01 00:00:00"), "ages over 89, published as 90", 0),
        (("PATIENTS", 1, "DOB", "2180-05-07 00:00:00"), "ages up to a day before birth, published as 0", 0),
    ],
)
def test_what_is_dropped_or_repaired_is_counted(tmp_path, edit, reason, fewer):
    tables = many()
    name, row, column, value = edit
    tables[name][row][column] = value
    cohort, quality = mimic3.read(write(tmp_path, tables))
    assert {**quality.dropped, **quality.repaired}[reason] == 1
    assert len(cohort.diagnoses) == len(tables["DIAGNOSES_ICD"]) - fewer


def test_a_code_without_place_comes_last_and_the_first_of_a_repeat_stays(tmp_path):
    tables = small()
    rows = tables["DIAGNOSES_ICD"]
    rows[1]["SEQ_NUM"] = ""
    rows.append({**rows[0], "SEQ_NUM": "7"})
    cohort, quality = mimic3.read(write(tmp_path, tables))
    assert codes_of(cohort, 7) == [["4019"], ["0389", "99592"]]
    assert quality.dropped["diagnoses that repeat a code of the admission"] == 1


def test_over_89_is_90_and_89_stays(tmp_path):
    tables = small()
    tables["PATIENTS"][0]["DOB"] = "2060-06-01 00:00:00"
    tables["PATIENTS"][1]["DOB"] = "1880-05-06 00:00:00"
    ages = mimic3.read(write(tmp_path, tables))[0].patients["age_years"].tolist()
    assert ages == [pytest.approx(89.6, abs=0.1), 90.0]


def test_retired_and_unknown_codes_are_kept_and_counted(tmp_path):
    tables = many()
    tables["DIAGNOSES_ICD"][0]["ICD9_CODE"] = "2765"
    tables["DIAGNOSES_ICD"][1]["ICD9_CODE"] = "V9999"
    tables["DIAGNOSES_ICD"][2]["ICD9_CODE"] = "0389"
    cohort, quality = mimic3.read(write(tmp_path, tables))
    quality.describe(cohort)
    assert codes_of(cohort, 70000) == [["0389"], ["V9999", "2765"]]
    assert list(quality.kept.values()) == [1, 1]


def test_few_patients_of_no_known_sex_are_dropped_and_more_stop_the_reader(tmp_path):
    tables = many()
    tables["PATIENTS"][0]["GENDER"] = "U"
    tables["PATIENTS"][1]["GENDER"] = ""
    cohort, quality = mimic3.read(write(tmp_path, tables))
    assert len(cohort) == 198 and quality.dropped["patients with a sex other than M or F"] == 2
    tables["PATIENTS"][2]["GENDER"] = "U"
    with pytest.raises(ReaderError, match=r"PATIENTS.csv: column gender: <11 of 200 .* more than the 1% "):
        mimic3.read(write(tmp_path, tables))


def test_the_demo_has_its_published_counts():
    if not DEMO.exists():
        pytest.skip(f"{DEMO} is absent")
    cohort, quality = mimic3.read(DEMO)
    quality.describe(cohort)
    assert quality.cohort["patients"] == 100 and quality.cohort["visits"] == 129
    assert quality.cohort["diagnoses"] == 1761 and quality.cohort["distinct codes"] == 581
    assert quality.kept == {
        "diagnoses with a code absent from the ICD-9-CM hierarchy": 0,
        "diagnoses with a retired or category-level code": 45,
    }
    assert cohort.patients["sex"].value_counts().to_dict() == {"F": 55, "M": 45}
    visits = cohort.diagnoses.groupby("patient_id")["visit"].max() + 1
    assert visits.value_counts().to_dict() == {1: 86, 2: 11, 3: 2, 15: 1}
    assert cohort.patients["age_years"].between(17, 90).all()
