import gzip
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehrgen.data import mimic3
from ehrgen.data.cohort import Cohort, CohortError
from ehrgen.data.quality import ReaderError

ROOT = Path(__file__).parents[1]
DEMO = ROOT.parent / "shared" / "data" / "mimic3-demo"
CODES = ("0389", "00845", "4019", "V3000", "E8497", "2765", "585", "42731", "V9999", "E849")
BIRTH = np.datetime64("2101-03-04T00:00:00")

Tables = dict[str, list[dict[str, str]]]


def small() -> Tables:
    """Two patients: 7 (F, admitted at 50 and 51) and 9 (M, newborn)."""
    return {
        "PATIENTS": [
            {"ROW_ID": "1", "SUBJECT_ID": "7", "GENDER": "F", "DOB": "2100-01-01 00:00:00"},
            {"ROW_ID": "2", "SUBJECT_ID": "9", "GENDER": "M", "DOB": "2180-05-06 00:00:00"},
        ],
        "ADMISSIONS": [
            {"ROW_ID": "1", "SUBJECT_ID": "7", "HADM_ID": "72", "ADMITTIME": "2151-06-01 10:00:00"},
            {"ROW_ID": "2", "SUBJECT_ID": "7", "HADM_ID": "71", "ADMITTIME": "2150-01-01 00:00:00"},
            {"ROW_ID": "3", "SUBJECT_ID": "9", "HADM_ID": "90", "ADMITTIME": "2180-05-06 20:15:00"},
        ],
        "DIAGNOSES_ICD": [
            {"ROW_ID": "1", "SUBJECT_ID": "7", "HADM_ID": "72", "SEQ_NUM": "2", "ICD9_CODE": "0389"},
            {"ROW_ID": "2", "SUBJECT_ID": "7", "HADM_ID": "72", "SEQ_NUM": "1", "ICD9_CODE": "99592"},
            {"ROW_ID": "3", "SUBJECT_ID": "7", "HADM_ID": "71", "SEQ_NUM": "1", "ICD9_CODE": "4019"},
            {"ROW_ID": "4", "SUBJECT_ID": "9", "HADM_ID": "90", "SEQ_NUM": "1", "ICD9_CODE": "V3000"},
        ],
    }


def write(folder: Path, tables: Tables, suffix: str = ".csv", case=str.upper) -> Path:
    for name, rows in tables.items():
        text = pd.DataFrame(rows).rename(columns=case).to_csv(index=False).encode()
        (folder / f"{name}{suffix}").write_bytes(gzip.compress(text) if suffix.endswith("gz") else text)
    return folder


def many(copies: int = 100) -> Tables:
    """`small`, copied under new ids, so that one bad row is a small share."""
    tables = small()
    for name, rows in tables.items():
        ids = [key for key in ("SUBJECT_ID", "HADM_ID") if key in rows[0]]
        tables[name] = [{**row, **{key: f"{row[key]}{n:04d}" for key in ids}} for n in range(copies) for row in rows]
    return tables


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
    ("edit", "reason", "dropped", "rows"),
    [
        (("DIAGNOSES_ICD", 0, "ICD9_CODE", ""), "diagnoses without a code", 1, 3),
        (("DIAGNOSES_ICD", 0, "ICD9_CODE", "99592"), "diagnoses that repeat a code of the admission", 1, 3),
        (("DIAGNOSES_ICD", 0, "HADM_ID", "404"), "diagnoses of no admission in use", 1, 3),
        (("DIAGNOSES_ICD", 0, "SUBJECT_ID", "9"), "diagnoses whose admission is another patient's", 1, 3),
        (("DIAGNOSES_ICD", 3, "ICD9_CODE", ""), "patients without a diagnosis", 1, 3),
        (("DIAGNOSES_ICD", 2, "HADM_ID", "72"), "admissions without a diagnosis", 1, 4),
        (("ADMISSIONS", 2, "SUBJECT_ID", "404"), "admissions of no patient in PATIENTS", 1, 3),
        (("ADMISSIONS", 0, "HADM_ID", "71"), "ADMISSIONS rows that repeat an admission", 1, 2),
        (("PATIENTS", 1, "SUBJECT_ID", "7"), "PATIENTS rows that repeat a patient", 1, 3),
        (("DIAGNOSES_ICD", 0, "SEQ_NUM", ""), "diagnoses without SEQ_NUM, placed last", 1, 4),
        (("DIAGNOSES_ICD", 0, "ICD9_CODE", " 038.9"), "codes with dots, blanks or lower case", 1, 4),
        (("DIAGNOSES_ICD", 3, "ICD9_CODE", "v3000"), "codes with dots, blanks or lower case", 1, 4),
        (("PATIENTS", 0, "DOB", "1850-01-01 00:00:00"), "ages over 89, published as 90", 1, 4),
        (
            ("PATIENTS", 1, "DOB", "2180-05-07 00:00:00"),
            "ages up to a day before birth, published as 0",
            1,
            4,
        ),
    ],
)
def test_what_is_dropped_or_repaired_is_counted(tmp_path, edit, reason, dropped, rows):
    tables = small()
    name, row, column, value = edit
    tables[name][row][column] = value
    cohort, quality = mimic3.read(write(tmp_path, tables))
    assert {**quality.dropped, **quality.repaired}[reason] == dropped
    assert len(cohort.diagnoses) == rows


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
    tables = small()
    tables["DIAGNOSES_ICD"][0]["ICD9_CODE"] = "2765"
    tables["DIAGNOSES_ICD"][1]["ICD9_CODE"] = "V9999"
    tables["DIAGNOSES_ICD"][2]["ICD9_CODE"] = "0389"
    cohort, quality = mimic3.read(write(tmp_path, tables))
    quality.describe(cohort)
    assert codes_of(cohort, 7) == [["0389"], ["V9999", "2765"]]
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


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (("PATIENTS", 0, "DOB", "01/01/2100"), "PATIENTS.csv: column dob: .* unreadable dates"),
        (("PATIENTS", 0, "DOB", ""), "PATIENTS.csv: column dob: .* unreadable dates"),
        (("PATIENTS", 0, "DOB", "2100-02-31"), "PATIENTS.csv: column dob: .* unreadable dates"),
        (("ADMISSIONS", 0, "ADMITTIME", "now"), "ADMISSIONS.csv: column admittime: .* unreadable dates"),
        (
            ("ADMISSIONS", 0, "ADMITTIME", "2090-01-01"),
            r"ADMISSIONS.csv: column admittime: .* \(negative age\)",
        ),
        (("PATIENTS", 0, "DOB", "1950-01-01"), "ADMISSIONS.csv: column admittime: .* between 125 and 290"),
        (("PATIENTS", 0, "DOB", "0050-01-01"), "ADMISSIONS.csv: column admittime: .* over 340"),
        (("PATIENTS", 0, "SUBJECT_ID", "x7"), "PATIENTS.csv: column subject_id: .* no whole numbers"),
        (("ADMISSIONS", 0, "HADM_ID", ""), "ADMISSIONS.csv: column hadm_id: .* no whole numbers"),
        (("DIAGNOSES_ICD", 0, "HADM_ID", "1.5"), "DIAGNOSES_ICD.csv: column hadm_id: .* no whole numbers"),
        (
            ("DIAGNOSES_ICD", 0, "ICD9_CODE", "I10"),
            "DIAGNOSES_ICD.csv: column icd9_code: .* no ICD-9-CM codes",
        ),
        (("DIAGNOSES_ICD", 0, "ICD9_CODE", "4019.0"), "DIAGNOSES_ICD.csv: column icd9_code: .* are numbers"),
        (("DIAGNOSES_ICD", 0, "ICD9_CODE", "38.9"), "DIAGNOSES_ICD.csv: column icd9_code: .* are numbers"),
        (
            ("DIAGNOSES_ICD", 0, "ICD9_CODE", "389"),
            "DIAGNOSES_ICD.csv: column icd9_code: .* lost a leading zero",
        ),
    ],
)
def test_content_that_cannot_be_trusted_stops_the_reader(tmp_path, edit, message):
    tables = small()
    name, row, column, value = edit
    tables[name][row][column] = value
    with pytest.raises(ReaderError, match=message):
        mimic3.read(write(tmp_path, tables))


@pytest.mark.parametrize(("name", "column"), [("ADMISSIONS", "SUBJECT_ID"), ("DIAGNOSES_ICD", "HADM_ID")])
def test_tables_that_do_not_belong_together_stop_the_reader(tmp_path, name, column):
    tables = small()
    tables[name] = [{**row, column: "4" + row[column]} for row in tables[name]]
    with pytest.raises(ReaderError, match=f"{name}.csv: column {column.lower()}: none of .* from one release"):
        mimic3.read(write(tmp_path, tables))


@pytest.mark.parametrize("name", ["PATIENTS", "ADMISSIONS", "DIAGNOSES_ICD"])
def test_missing_table_column_or_rows_stop_the_reader(tmp_path, name):
    for column in [key for key in small()[name][0] if key != "ROW_ID"]:
        tables = small()
        tables[name] = [{key: value for key, value in row.items() if key != column} for row in tables[name]]
        with pytest.raises(ReaderError, match=f"{name}.csv: column {column.lower()} is missing"):
            mimic3.read(write(tmp_path, tables))
    path = write(tmp_path, small()) / f"{name}.csv"
    path.write_text(path.read_text().splitlines()[0] + "\n")
    with pytest.raises(ReaderError, match=f"{name}.csv: no rows"):
        mimic3.read(tmp_path)
    path.unlink()
    with pytest.raises(ReaderError, match=f"{name}.csv or {name}.csv.gz is missing"):
        mimic3.read(tmp_path)


def test_no_patient_left_stops_the_reader(tmp_path):
    tables = small()
    tables["DIAGNOSES_ICD"] = [{**row, "ICD9_CODE": ""} for row in tables["DIAGNOSES_ICD"]]
    with pytest.raises(ReaderError, match="no patient is left"):
        mimic3.read(write(tmp_path, tables))


@st.composite
def cohorts(draw: st.DrawFn) -> Cohort:
    patients, diagnoses = [], []
    for patient in draw(st.lists(st.integers(0, 99_999), min_size=1, max_size=6, unique=True)):
        age_days = draw(st.integers(0, 32_800))  # up to 89.8 years
        patients.append((patient, draw(st.sampled_from("MF")), age_days / mimic3.DAYS_PER_YEAR, "unassigned"))
        for visit in range(draw(st.integers(1, 3))):
            for position, code in enumerate(draw(st.permutations(CODES))[: draw(st.integers(1, len(CODES)))]):
                diagnoses.append((patient, visit, position, code))
    return Cohort.from_rows(
        pd.DataFrame(patients, columns=["patient_id", "sex", "age_years", "split"]),
        pd.DataFrame(diagnoses, columns=["patient_id", "visit", "position", "code"]),
    )


def as_tables(cohort: Cohort, rng: np.random.Generator) -> Tables:
    """The cohort as MIMIC-III would hold it, rows shuffled; admission ids do not follow time."""
    rows, patients = cohort.diagnoses, cohort.patients
    days = np.round(patients["age_years"] * mimic3.DAYS_PER_YEAR).astype(int).to_numpy()
    first = BIRTH + days * np.timedelta64(1, "D")
    stays = rows.drop_duplicates(["patient_id", "visit"])
    time = first[np.searchsorted(patients["patient_id"], stays["patient_id"])]
    time = time + stays["visit"].to_numpy() * np.timedelta64(5, "D")
    hadm = dict(zip(zip(stays["patient_id"], stays["visit"], strict=True), rng.permutation(len(stays)), strict=True))
    text = lambda when: str(when).replace("T", " ")  # noqa: E731
    tables = {
        "PATIENTS": [
            {"subject_id": str(row.patient_id), "gender": row.sex, "dob": text(BIRTH)} for row in patients.itertuples()
        ],
        "ADMISSIONS": [
            {"subject_id": str(patient), "hadm_id": str(stay), "admittime": text(when)}
            for ((patient, _), stay), when in zip(hadm.items(), time, strict=True)
        ],
        "DIAGNOSES_ICD": [
            {
                "subject_id": str(row.patient_id),
                "hadm_id": str(hadm[row.patient_id, row.visit]),
                "seq_num": str(3 * row.position + 1),
                "icd9_code": row.code,
            }
            for row in rows.itertuples()
        ],
    }
    return {name: [table[i] for i in rng.permutation(len(table))] for name, table in tables.items()}


@settings(deadline=None, max_examples=15)
@given(
    cohort=cohorts(),
    seed=st.integers(0, 1000),
    suffix=st.sampled_from([".csv", ".csv.gz"]),
    upper=st.booleans(),
)
def test_a_written_cohort_is_read_back(cohort, seed, suffix, upper):
    tables = as_tables(cohort, np.random.default_rng(seed))
    with tempfile.TemporaryDirectory() as folder:
        found, _ = mimic3.read(write(Path(folder), tables, suffix, str.upper if upper else str.lower))
    pd.testing.assert_frame_equal(found.patients, cohort.patients)
    pd.testing.assert_frame_equal(found.diagnoses, cohort.diagnoses)


JUNK = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "",
            "NULL",
            "nan",
            "inf",
            "-1",
            "1e9",
            "9" * 30,
            "0",
            "2101-13-01",
            "9999-12-31",
            "0001-01-01 00:00:00",
            '"',
        ]
    ),
)


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_junk_in_cells_gives_a_cohort_or_one_line(data):
    tables = small()
    for _ in range(data.draw(st.integers(1, 4))):
        rows = tables[data.draw(st.sampled_from(sorted(tables)))]
        row = rows[data.draw(st.integers(0, len(rows) - 1))]
        row[data.draw(st.sampled_from(sorted(row)))] = data.draw(JUNK)
    with tempfile.TemporaryDirectory() as folder:
        read_or_explain(write(Path(folder), tables))


@settings(deadline=None, max_examples=40)
@given(
    name=st.sampled_from(["PATIENTS", "ADMISSIONS", "DIAGNOSES_ICD"]),
    start=st.integers(0, 200),
    length=st.integers(0, 40),
    junk=st.binary(max_size=40),
    packed=st.booleans(),
)
def test_junk_bytes_give_a_cohort_or_one_line(name, start, length, junk, packed):
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), small()) / f"{name}.csv"
        content = gzip.compress(path.read_bytes()) if packed else path.read_bytes()
        path.write_bytes(content[:start] + junk + content[start + length :])
        read_or_explain(Path(folder))


def read_or_explain(folder: Path) -> None:
    try:
        cohort, quality = mimic3.read(folder)
        quality.describe(cohort)
    except (ReaderError, CohortError) as error:
        assert "\n" not in str(error) and str(error).isprintable()


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
