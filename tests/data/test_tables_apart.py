"""Tables of MIMIC-III that do not belong together: cut off, of two releases, identifiers swapped or constant."""

from pathlib import Path

import pytest

from ehrgen.data.readers import kinds, mimic3
from ehrgen.data.readers.quality import EDITS_BROKEN, ReaderError, edits_broken
from tests.support.mimic3_tables import Tables, many, write

CASES = Path(__file__).parents[3] / "shared" / "cases"
TABLES = ("PATIENTS", "ADMISSIONS", "DIAGNOSES_ICD")


def refused(folder: Path, tables: Tables) -> str:
    with pytest.raises(ReaderError) as error:
        mimic3.read(write(folder, tables))
    assert "\n" not in str(error.value)
    return str(error.value).removeprefix(f"{folder}/")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("PATIENTS", "ADMISSIONS.csv: column subject_id: 60 of 300 values are not in PATIENTS, more than the 1% "),
        ("ADMISSIONS", "DIAGNOSES_ICD.csv: column hadm_id: 80 of 400 values are not in ADMISSIONS in use, more than "),
        ("DIAGNOSES_ICD", "ADMISSIONS.csv: column hadm_id: 60 of 300 values have no diagnosis, more than the 10% "),
    ],
)
def test_a_table_that_is_cut_off_stops_the_reader(tmp_path: Path, name: str, message: str):
    tables = many()
    tables[name] = tables[name][: len(tables[name]) * 8 // 10]
    assert refused(tmp_path, tables).startswith(message)


def test_patients_without_admissions_stop_the_reader(tmp_path: Path):
    tables = many()
    kept = {row["SUBJECT_ID"] for row in tables["PATIENTS"][:160]}
    for name in TABLES[1:]:
        tables[name] = [row for row in tables[name] if row["SUBJECT_ID"] in kept]
    said = refused(tmp_path, tables)
    assert said.startswith("PATIENTS.csv: column subject_id: 40 of 200 values have no diagnosis, more than the 10% ")
    assert "tables of different releases, or one is cut off" in said


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("column", ["SUBJECT_ID", "HADM_ID"])
def test_a_constant_identifier_stops_the_reader(tmp_path: Path, name: str, column: str):
    tables = many()
    if column not in tables[name][0]:
        return
    tables[name] = [{**row, column: tables[name][0][column]} for row in tables[name]]
    assert "from one" in refused(tmp_path, tables) or "stand there twice" in refused(tmp_path, tables)


@pytest.mark.parametrize("names", [("ADMISSIONS",), ("DIAGNOSES_ICD",), ("ADMISSIONS", "DIAGNOSES_ICD")])
def test_swapped_identifiers_stop_the_reader(tmp_path: Path, names: tuple[str, ...]):
    tables = many()
    for name in names:
        swapped = [{**row, "SUBJECT_ID": row["HADM_ID"], "HADM_ID": row["SUBJECT_ID"]} for row in tables[name]]
        tables[name] = swapped
    assert "values " in refused(tmp_path, tables)


def test_rows_of_another_version_of_the_icd_stop_the_reader(tmp_path: Path):
    tables = many()
    for number, row in enumerate(tables["DIAGNOSES_ICD"]):
        row["ICD_VERSION"] = "10" if number % 20 == 0 else "9"
    said = refused(tmp_path, tables)
    assert said.startswith("DIAGNOSES_ICD.csv: column icd_version: 20 of 400 values are not 9, as icd9_code says; ")


def test_codes_of_other_patients_are_warned_about(tmp_path: Path):
    """Sexes turned round: every birth is a man's, every prostate a woman's."""
    tables = many()
    for row in tables["DIAGNOSES_ICD"]:
        row["ICD9_CODE"] = {"0389": "185", "99592": "60001"}.get(row["ICD9_CODE"], row["ICD9_CODE"])
    cohort, quality = mimic3.read(write(tmp_path, tables))
    broken, ruled = edits_broken(cohort)
    assert (broken, ruled) == (0, 100), "newborns alone: prostates come at the second visit"
    for row in tables["PATIENTS"]:
        row["DOB"] = "2130-01-01 00:00:00"
    cohort, quality = mimic3.read(write(tmp_path, tables))
    assert edits_broken(cohort) == (100, 100) and EDITS_BROKEN < 1
    quality.describe(cohort)
    assert quality.warnings[0].startswith("100 of 100 codes that are for one sex or for certain ages belong to others")
    assert str(quality).splitlines()[-1].startswith("warning: 100 of 100 codes")
    quality.save(tmp_path / "quality.json")
    assert '"warnings": [\n' in (tmp_path / "quality.json").read_text()


SAID = {
    "02_tables_cut_apart": "23 of 85 values are not in PATIENTS, more than the 1% .* different releases, or one is cut",
    "03_mimic_iv_by_mistake/pyhealth_as_found": "seem to be tables of MIMIC-IV, not tables of MIMIC-III",
    "03_mimic_iv_by_mistake/pyhealth_renamed": "values are not 9",
    "03_mimic_iv_by_mistake/pyhealth_endocrine_only": "values are not 9",
    "04_lost_zeros/a_all_lost": "are numbers, not codes",
    "04_lost_zeros/b_with_icd10": "are numbers, not codes",
    "04_lost_zeros/d_all_lost_no_two_digit_code": "<11 of 115 values seem to have lost a leading zero",
    "04_lost_zeros/e_joined_with_one_intact_admission": "<11 of 118 values seem to have lost a leading zero",
    "04_lost_zeros/g_padded_right_to_five": "432 of 868 values seem to be padded with zeros",
    "14_separators_and_encoding/semicolon": "one column, row_id;.*: separated by semicolons, not by commas",
    "14_separators_and_encoding/tab": "one column, row_id .*: separated by tabs, not by commas",
    "14_separators_and_encoding/utf16": "UTF-16 text; save it as UTF-8",
    "15_two_files_one_table/files": "2 files for one table, PATIENTS.csv, patients.csv",
    "10_two_codes_one_sex/as_found": "PATIENTS.csv or PATIENTS.csv.gz is missing",
}


@pytest.mark.parametrize("case", SAID)
def test_public_files_that_were_taken_for_something_else(case: str):
    if not CASES.exists():
        pytest.skip(f"{CASES} is absent")
    with pytest.raises(ReaderError, match=SAID[case]) as error:
        kinds.read("mimic3", CASES / case)
    assert "\n" not in str(error.value)


def test_the_endocrine_extract_without_its_version_is_no_icd9(tmp_path: Path):
    """All its codes, E1065 and so on, have the form of an E code of ICD-9-CM."""
    tables = many()
    for number, row in enumerate(tables["DIAGNOSES_ICD"]):
        row["ICD9_CODE"] = ("E1065", "E119", "E785")[number % 3]
    assert "400 of 400 values are of no ICD-9-CM category" in refused(tmp_path, tables)
