import pytest

from ehrgen.data.readers import mimic4
from ehrgen.data.readers.quality import ReaderError
from tests.support.sources import NINE, PATIENTS, TEN, write_mimic4


@pytest.mark.parametrize("below", ["", "hosp"])
def test_by_hand(tmp_path, below):
    found, quality = mimic4.read(write_mimic4(tmp_path, NINE, below=below))
    assert found.patients["patient_id"].tolist() == [7, 9]
    assert found.patients["sex"].tolist() == ["F", "M"]
    assert found.patients["age_years"].tolist() == pytest.approx([45.997, 90], abs=0.001), "first visit; over 89"
    assert found.diagnoses["code"].tolist() == ["V3000", "4019", "0389", "486"]
    assert found.diagnoses["visit"].tolist() == [0, 1, 1, 0]
    assert quality.source == "mimic4" and not any(quality.dropped.values())
    assert quality.kept["patients with an anchor_age over 89, 90 at every visit"] == 1


def test_icd_10_stops_the_reader_beyond_a_few_rows(tmp_path):
    with pytest.raises(ReaderError, match=r"are 10 \(ICD-10\), more than the 1% .* or take mimic4_mapped as source"):
        mimic4.read(write_mimic4(tmp_path, [*NINE, *TEN]))
    many = [("7", "71", str(n), "4019", "9") for n in range(300)]
    found, quality = mimic4.read(write_mimic4(tmp_path, [*NINE, *many, *TEN]))
    assert quality.dropped["diagnoses in ICD-10"] == 2
    assert set(found.diagnoses["code"]) == {"V3000", "4019", "0389", "486"}


def test_icd_10_translated_stands_where_it_stood(tmp_path):
    found, quality = mimic4.read_mapped(write_mimic4(tmp_path, [*NINE[:3], ("7", "72", "2", "T360X1A", "10"), *TEN]))
    codes = [rows.tolist() for _, rows in found.diagnoses.groupby(["patient_id", "visit"])["code"]]
    assert codes == [["V3000", "9600", "E856"], ["4019", "0389"], ["9600", "E856"]], "I10 is the 4019 that is there"
    assert quality.source == "mimic4_mapped"
    assert quality.repaired["diagnoses translated from ICD-10"] == 3


def test_too_many_icd_10_codes_without_an_equivalent_stop_the_reader(tmp_path):
    with pytest.raises(ReaderError, match="have no equivalent in ICD-9-CM, more than the 5%"):
        mimic4.read_mapped(write_mimic4(tmp_path, [*NINE, *TEN, ("9", "90", "3", "U071", "10")]))


@pytest.mark.parametrize(
    "diagnoses, patients, message",
    [
        ([("7", "71", "1", "4019", "11")], PATIENTS, "are neither 9 nor 10"),
        (NINE, [("7", "F", "145", "2150"), PATIENTS[1]], "are no ages"),
        (NINE, [("7", "F", "45", "50"), PATIENTS[1]], "are no years"),
        ([("7", "71", "1", "hypertension", "9")], PATIENTS, "column icd_code: <11 of <11 values are no ICD-9-CM codes"),
    ],
)
def test_what_cannot_be_trusted_stops_the_reader(tmp_path, diagnoses, patients, message):
    with pytest.raises(ReaderError, match=message):
        mimic4.read(write_mimic4(tmp_path, diagnoses, patients))
