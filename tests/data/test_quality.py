import json

import pandas as pd
import pytest

from ehrgen.data.cohort import Cohort
from ehrgen.data.disclosure import shown
from ehrgen.data.readers.quality import Quality, ReaderError, publish_ages, refuse


@pytest.fixture
def cohort() -> Cohort:
    patients = pd.DataFrame({"patient_id": range(20), "sex": "F", "age_years": 30.0, "split": "train"})
    codes = ["4019"] * 18 + ["2765", "V9999"]
    rows = pd.DataFrame({"patient_id": range(20), "visit": 0, "position": 0, "code": codes})
    return Cohort.from_rows(patients, rows)


@pytest.mark.parametrize("count", range(1, 11))
def test_counts_of_one_to_ten_are_not_shown(tmp_path, cohort, count):
    quality = Quality("nhds", repaired={"mended": count}, dropped={"left out": count})
    quality.describe(cohort)
    quality.save(tmp_path / "quality.json")
    written = json.loads((tmp_path / "quality.json").read_text())
    assert written["repaired"] == {"mended": "<11"} and written["dropped"] == {"left out": "<11"}
    assert written["kept"] == {
        "diagnoses with a code absent from the ICD-9-CM hierarchy": "<11",
        "diagnoses with a retired or category-level code": "<11",
    }
    assert "repaired: mended: <11" in str(quality).splitlines()


def test_other_counts_are_shown_as_they_are(cohort):
    quality = Quality("nhds", dropped={"left out": 0, "torn": 11})
    quality.describe(cohort)
    report = quality.published()
    assert report["dropped"] == {"left out": 0, "torn": 11}
    assert report["cohort"] == {
        "patients": 20,
        "visits": 20,
        "diagnoses": 20,
        "distinct codes": "<11",
        "patients, train": 20,
    }
    assert "left out" not in str(quality)


def test_refuse_tolerates_a_share_and_no_more():
    assert refuse(10, 1000, "file: column x", "are odd", "mend them", tolerated=0.01) == 10
    with pytest.raises(ReaderError) as error:
        refuse(11, 1000, "file: column x", "are odd", "mend them", tolerated=0.01)
    message = "file: column x: 11 of 1000 values are odd, more than the 1% that intact tables may have; mend them"
    assert str(error.value) == message
    with pytest.raises(ReaderError, match=r"^file: column x: <11 of 1000 values are odd; mend them$"):
        refuse(1, 1000, "file: column x", "are odd", "mend them")
    assert refuse(0, 0, "file: column x", "are odd", "mend them") == 0


def test_ages_are_published_from_0_to_90():
    quality = Quality("mimic3")
    assert publish_ages(pd.Series([-0.001, 0.0, 89.9, 90.0, 300.4]), quality).tolist() == [0, 0, 89.9, 90, 90]
    assert list(quality.repaired.values()) == [2, 1]


def test_zero_is_a_count():
    assert shown(0) == 0
