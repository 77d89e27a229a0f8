import gzip
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehrgen.data.cohort import CohortError
from ehrgen.data.readers import mimic3
from ehrgen.data.readers.quality import ReaderError
from tests.support.mimic3_tables import small, write


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
    with pytest.raises(ReaderError, match=f"{name}.csv: column {column.lower()}: <11 of <11 .* from one"):
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


def test_a_column_without_codes_stops_the_reader(tmp_path):
    tables = small()
    tables["DIAGNOSES_ICD"] = [{**row, "ICD9_CODE": ""} for row in tables["DIAGNOSES_ICD"]]
    with pytest.raises(ReaderError, match="column icd9_code: <11 of <11 values are empty"):
        mimic3.read(write(tmp_path, tables))


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
