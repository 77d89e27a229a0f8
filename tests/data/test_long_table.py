from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ehrgen.data.cohort import Cohort, UndescribedCohort
from ehrgen.data.readers import long_table
from ehrgen.data.readers.quality import ReaderError

ROWS = "patient,visit,code,sex,age\nb,1,0389,F,60\nb,1,401.9,F,60\na,2,486,M,31\na,1,V30.00,M,30.5\n"


def table(folder: Path, text: str) -> Path:
    (folder / "some.csv").write_text(text)
    return folder / "some.csv"


def visits(cohort: Cohort) -> list[list[str]]:
    return [rows.tolist() for _, rows in cohort.diagnoses.groupby(["patient_id", "visit"])["code"]]


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
def test_by_hand(tmp_path, suffix):
    frame = pd.read_csv(table(tmp_path, ROWS), dtype=str)
    path = tmp_path / f"other{suffix}"
    frame.to_parquet(path) if suffix == ".parquet" else frame.to_csv(path, index=False)
    found, quality = long_table.read(path)
    assert visits(found) == [["0389", "4019"], ["V3000"], ["486"]]
    assert found.patients["sex"].tolist() == ["F", "M"]
    assert found.patients["age_years"].tolist() == [60, 30.5], "at the first visit"
    assert quality.repaired["codes with dots, blanks or lower case"] == 2


def test_one_row_a_visit_as_other_generators_write_it(tmp_path):
    text = "patient_id,age,sex,num_visits,visit_num,diagnosis_codes\nS1,60.2,F,2,1,6039;0389\nS1,60.2,F,2,2,3076\n"
    found, _ = long_table.read(table(tmp_path, text))
    assert visits(found) == [["6039", "0389"], ["3076"]]
    assert found.patients["age_years"].tolist() == [60.2]


@pytest.mark.parametrize(
    "names, order",
    [
        (["10", "9", "1"], ["311", "486", "4019"]),
        (["2001-02-03", "2001-01-03", "1999-01-01"], ["311", "486", "4019"]),
        (["last", "a", "b"], ["4019", "486", "311"]),
    ],
)
def test_visits_stand_in_the_order_of_numbers_of_dates_or_of_the_file(tmp_path, names, order):
    rows = [f"1,{name},{code}" for name, code in zip(names, ["4019", "486", "311"], strict=True)]
    found, _ = long_table.read(table(tmp_path, "\n".join(["id,visit,code", *rows, f"2,{names[0]},0389"])), partial=True)
    assert [code for (code,) in visits(found)] == [*order, "0389"]


def test_the_position_orders_codes_and_repeats_stay(tmp_path):
    text = "patient,visit,seq_num,icd9_code\n1,1,3,0389\n1,1,1,486\n1,1,2,486\n"
    found, _ = long_table.read(table(tmp_path, text), partial=True)
    assert visits(found) == [["486", "486", "0389"]]


def test_without_sex_and_age_they_are_unknown_to_be_judged_and_an_error_else(tmp_path):
    path = table(tmp_path, "patient,visit,code\n1,1,0389\n")
    found, _ = long_table.read(path, partial=True)
    assert isinstance(found, UndescribedCohort) and not found.has_sex and not found.has_age
    with pytest.raises(ReaderError, match="without a sex"):
        long_table.read(path)


def test_of_a_patient_known_by_sex_alone_the_age_is_unknown(tmp_path):
    found, _ = long_table.read(table(tmp_path, "patient,visit,code,gender\n1,1,0389,female\n"), partial=True)
    assert found.has_sex and not found.has_age


@pytest.mark.parametrize(
    "text, message",
    [
        ("patient,code\n1,0389\n", r"no column for visit; name one so \(visit: visit, visit_id"),
        ("patient,visit,code\n,1,0389\n", "column patient: <11 of <11 values are empty"),
        ("patient,visit,code\n1,1,sepsis\n", "are no ICD-9-CM codes"),
        ("patient,visit,code,age\n1,1,0389,old\n", "are no ages"),
        ("patient,visit,code,age\n1,1,0389,300\n", "are over 120 years"),
        ("patient,visit,code,sex\n1,1,0389,F\n1,2,486,M\n", "differ between rows of one patient"),
        ("patient,visit,code,sex\n1,1,0389,F\n2,1,486,\n", "without a sex"),
        ("patient,visit,code\n1,1,\n", "values are empty"),
        ("patient,visit,code\n" + "".join(f"1,{n},389\n" for n in range(9)), "lost a leading zero"),
    ],
)
def test_what_cannot_be_trusted_stops_the_reader(tmp_path, text, message):
    with pytest.raises(ReaderError, match=message):
        long_table.read(table(tmp_path, text))


def test_codes_that_became_numbers_stop_the_reader(tmp_path):
    pd.DataFrame({"patient": [1], "visit": [1], "code": np.array([389])}).to_parquet(tmp_path / "some.parquet")
    with pytest.raises(ReaderError, match="is int64, no text"):
        long_table.read(tmp_path / "some.parquet", partial=True)
