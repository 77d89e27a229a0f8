from pathlib import Path

import pytest

from ehrgen.data.cohort import UndescribedCohort
from ehrgen.data.readers import omop
from ehrgen.data.readers.quality import ReaderError
from tests.support.sources import PERSON, write_omop


def visits(folder: Path) -> list[list[str]]:
    found, _ = omop.read(folder)
    return [rows.tolist() for _, rows in found.diagnoses.groupby(["patient_id", "visit"])["code"]]


def test_by_hand(tmp_path):
    found, quality = omop.read(write_omop(tmp_path))
    assert visits(tmp_path) == [["0389"], ["4019", "486"], ["V3000"], ["4280"]]
    assert found.patients["sex"].tolist() == ["F", "M"]
    assert found.patients["age_years"].tolist() == pytest.approx([58.5, 71.0], abs=0.01)
    assert quality.dropped["persons without a diagnosis"] == 1
    placed = {reason.removeprefix("diagnoses placed by "): count for reason, count in quality.kept.items()}
    assert placed == {"the stay they name": 2, "the stay around them": 1, "their calendar day": 2}


def test_without_the_table_of_visits_what_they_name_stays_together(tmp_path):
    conditions = [("7", "2010-01-02", "4019", "70"), ("7", "2010-01-09", "0389", "70"), ("7", "2010-01-05", "486", "")]
    assert visits(write_omop(tmp_path, conditions=conditions, visits=[])) == [["4019", "0389"], ["486"]]


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"conditions": [("7", "2010-01-02", "E11.9x", "70")]}, "are no ICD-9-CM codes"),
        ({"conditions": [("8", "2010-01-02", "0389", "")]}, "are not in it, more than the 1% .* different releases"),
        ({"person": [("7", "0", "1950", "1", "1"), *PERSON[1:]]}, "without a sex"),
        ({"person": [("7", "8532", "", "", ""), *PERSON[1:]]}, "without an age"),
        ({"person": [("7", "8532", "1950", "13", "1"), *PERSON[1:]]}, "are no dates"),
    ],
)
def test_what_cannot_be_trusted_stops_the_reader(tmp_path, changes, message):
    with pytest.raises(ReaderError, match=message):
        omop.read(write_omop(tmp_path, **changes))


def test_patients_to_be_judged_may_lack_sex_and_age(tmp_path):
    found, _ = omop.read(write_omop(tmp_path, person=[("7", "0", "", "", ""), ("9", "0", "", "", "")]), partial=True)
    assert isinstance(found, UndescribedCohort) and not found.has_sex and not found.has_age
