import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from ehrgen.data.cohort import Cohort, UndescribedCohort
from ehrgen.data.readers import meds
from ehrgen.data.readers.quality import ReaderError
from ehrgen.release import meds as writer
from ehrgen.release.timeline import Timeline
from tests.support.sequences import RECORDS, from_records

Event = tuple[int, str | None, str]
WOMAN: list[Event] = [(7, None, "GENDER//F"), (7, "2100-01-01", "MEDS_BIRTH")]
MAN: list[Event] = [(9, None, "SEX/Male"), (9, "2080-01-01", "MEDS_BIRTH")]


def write(folder: Path, events: list[Event], shard: str = "data/0.parquet", **columns: list) -> Path:
    """The events as one file of a MEDS dataset, with extension columns."""
    rows = pd.DataFrame(events, columns=["subject_id", "time", "code"])
    rows["time"] = pd.to_datetime(rows["time"], format="ISO8601").astype("datetime64[us]")
    for name, values in columns.items():
        rows[name] = pd.array(values)
    (folder / shard).parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.Table.from_pandas(rows, preserve_index=False), folder / shard)
    return folder


def visits(cohort: Cohort, patient: int) -> list[list[str]]:
    rows = cohort.diagnoses[cohort.diagnoses["patient_id"] == patient]
    return [codes.tolist() for _, codes in rows.groupby("visit")["code"]]


@pytest.mark.slow
@settings(max_examples=20)
@given(RECORDS, st.integers(0, 100), st.lists(st.floats(0, 90), min_size=7, max_size=7))
def test_what_the_writer_writes_is_read_back(records, seed, ages):
    with_a_zero = [*records, [["0389"]]]  # 401 alone could be what is left of 0401
    people = {"sex": "FMFMFMF"[: len(with_a_zero)], "age": ages[: len(with_a_zero)]}
    patients = from_records(with_a_zero, **people)
    with tempfile.TemporaryDirectory() as holder:
        timeline = Timeline.of(patients, np.random.default_rng(seed))
        writer.write(patients, timeline, "some", np.random.default_rng(0), Path(holder))
        found, quality = meds.read(Path(holder), True)  # whose codes are not doubted: few draws look like intact tables
    pd.testing.assert_frame_equal(found.diagnoses, patients.diagnoses)
    few = patients.patients.assign(split="train")  # too few for other splits
    pd.testing.assert_frame_equal(found.patients, few, atol=1e-7, rtol=0)  # dates have seconds
    assert not any(quality.dropped.values())


@pytest.mark.parametrize("code", ["DIAGNOSIS//ICD//9//4019", "ICD9CM//401.9", "ICD9CM/4019", "DIAGNOSIS/ICD9CM/401.9"])
def test_every_way_of_writing_a_code(tmp_path, code):
    found, _ = meds.read(write(tmp_path, [*WOMAN, (7, "2150-07-02", code), (7, "2150-07-02", "LAB//50931//mg/dL")]))
    assert visits(found, 7) == [["4019"]]
    assert found.patients["sex"].tolist() == ["F"]
    assert found.patients["age_years"].tolist() == pytest.approx([50.5], abs=0.01)


def test_the_stay_that_a_diagnosis_names_is_its_visit_whenever_it_was_coded(tmp_path):
    events = [
        *WOMAN,
        (7, "2150-01-01T10:00", "HOSPITAL_ADMISSION//URGENT//CLINIC"),
        (7, "2150-03-01", "ICD9CM//486"),
        (7, "2150-04-01", "HOSPITAL_ADMISSION"),
        (7, "2150-04-03", "ICD9CM//4019"),
        (7, "2150-04-02", "ICD9CM//25000"),
    ]
    names = [None, None, 20, 20, 10, 10, 10]
    found, quality = meds.read(write(tmp_path, events, hadm_id=names, seq_num=[None] * 5 + [2, 1]))
    assert visits(found, 7) == [["486"], ["25000", "4019"]]
    assert quality.kept["diagnoses placed by the stay they name"] == 3


def test_without_a_name_the_stay_around_it_and_outside_all_stays_the_day(tmp_path):
    events = [
        *WOMAN,
        (7, "2150-01-01T10:00", "HOSPITAL_ADMISSION"),
        (7, "2150-01-03T10:00", "ICD9CM//4019"),
        (7, "2150-01-05T10:00", "ICD9CM//486"),
        (7, "2150-01-05T10:00", "HOSPITAL_DISCHARGE//HOME"),
        (7, "2150-01-09T10:00", "ICD9CM//311"),
        (7, "2150-01-09T18:00", "ICD9CM//4280"),
        (7, "2150-01-10T01:00", "ICD9CM//585"),
        (7, "2150-02-01T10:00", "HOSPITAL_ADMISSION"),
        (7, "2150-03-01T10:00", "ICD9CM//0389"),
        *MAN,
        (9, "2150-01-04", "ICD9CM//1850"),
    ]
    found, quality = meds.read(write(tmp_path, events))
    assert visits(found, 7) == [["4019", "486"], ["311", "4280"], ["585"], ["0389"]], "an open stay goes on"
    assert visits(found, 9) == [["1850"]], "another patient's stay is none of his"
    assert found.patients["sex"].tolist() == ["F", "M"]
    assert [n for key, n in quality.kept.items() if "placed" in key] == [0, 3, 4]


def test_shards_are_one_dataset_and_other_files_no_part_of_it(tmp_path):
    write(tmp_path, [*WOMAN, (7, "2150-01-01", "ICD9CM//4019")], "data/train/0.parquet")
    write(tmp_path, [*MAN, (9, "2150-01-01", "ICD9CM//486")], "data/held_out/0.parquet")
    writer_codes = pa.table({"code": ["ICD9CM//486"], "description": ["Pneumonia"]})
    (tmp_path / "metadata").mkdir()
    parquet.write_table(writer_codes, tmp_path / "metadata/codes.parquet")
    whole, _ = meds.read(tmp_path)
    named, _ = meds.read([tmp_path / "data/train/0.parquet", tmp_path / "data/held_out/0.parquet"])
    assert whole.patients["patient_id"].tolist() == named.patients["patient_id"].tolist() == [7, 9]


def with_splits(folder: Path, splits: dict[int, str]) -> Path:
    (folder / "metadata").mkdir(exist_ok=True)
    table = pa.table({"subject_id": list(splits), "split": list(splits.values())})
    parquet.write_table(table, folder / "metadata/subject_splits.parquet")
    return folder


def test_the_splits_of_the_dataset_are_kept(tmp_path):
    write(tmp_path, [*WOMAN, (7, "2150-01-01", "ICD9CM//4019"), *MAN, (9, "2150-01-01", "ICD9CM//486")])
    found, _ = meds.read(with_splits(tmp_path, {9: "held_out", 7: "tuning", 1: "train"}))
    assert found.patients["split"].tolist() == ["validation", "heldout"]


def test_patients_whom_no_split_names_stop_the_reader(tmp_path):
    write(tmp_path, [*WOMAN, (7, "2150-01-01", "ICD9CM//4019"), *MAN, (9, "2150-01-01", "ICD9CM//486")])
    with pytest.raises(ReaderError, match="name no split"):
        meds.read(with_splits(tmp_path, {9: "held_out"}))


@pytest.mark.parametrize(
    "events, message",
    [
        ([*WOMAN, (7, "2150-01-01", "DIAGNOSIS//ICD//10//I10")], "its diagnoses are ICD-10"),
        ([*WOMAN, (7, "2150-01-01", "SNOMED/38341003")], "no ICD-9-CM diagnosis"),
        ([*WOMAN, (7, "2150-01-01", "ICD9CM//4019"), (7, "2150-01-01", "ICD10CM/I10")], "are ICD-10"),
        ([*WOMAN, (7, "2150-01-01", "ICD9CM//hypertension")], "are no ICD-9-CM codes"),
        ([*WOMAN, (7, None, "ICD9CM//4019")], "have neither a time nor a dated stay"),
        ([(7, None, "GENDER//F"), (7, "2150-01-01", "ICD9CM//4019")], "without an age"),
        ([WOMAN[1], (7, "2150-01-01", "ICD9CM//4019")], "without a sex"),
        ([*WOMAN, (7, None, "GENDER//M"), (7, "2150-01-01", "ICD9CM//4019")], "without a sex"),
        ([*WOMAN, (7, "2050-01-01", "ICD9CM//4019")], "give an age below 0"),
        ([*WOMAN, (7, "2250-01-01", "ICD9CM//4019")], "or over 125 years"),
    ],
)
def test_what_cannot_be_trusted_stops_the_reader(tmp_path, events, message):
    with pytest.raises(ReaderError, match=message):
        meds.read(write(tmp_path, events))


def test_a_few_unusable_events_are_dropped_and_counted(tmp_path):
    people = [(n, None, "GENDER//F") for n in range(200)] + [(n, "2100-01-01", "MEDS_BIRTH") for n in range(199)]
    diagnoses = [(n, "2150-01-01", "ICD9CM//4019") for n in range(200)]
    one_more = [(0, "2150-01-01", "ICD10CM/I10"), (1, None, "ICD9CM//4019"), (2, "2150-01-01", "ICD9CM//x")]
    found, quality = meds.read(write(tmp_path, [*people, *diagnoses, *one_more]))
    assert len(found) == 199
    dropped = {reason: count for reason, count in quality.dropped.items() if count}
    assert dropped == {
        "diagnoses in ICD-10": 1,
        "diagnoses without a time": 1,
        "diagnoses with a text that is no ICD-9-CM code": 1,
        "patients without an age": 1,
    }


def test_births_set_300_years_back_are_over_89(tmp_path):
    found, quality = meds.read(
        write(tmp_path, [(7, None, "GENDER//F"), (7, "1850-01-01", "MEDS_BIRTH"), (7, "2150-01-01", "ICD9CM//4019")])
    )
    assert found.patients["age_years"].tolist() == [90.0]
    assert quality.repaired["ages over 89, published as 90"] == 1


def test_patients_to_be_judged_may_lack_sex_and_age_but_not_some_of_them(tmp_path):
    nobody = [(7, "2150-01-01", "ICD9CM//4019"), (9, "2150-01-01", "ICD9CM//486")]
    found, _ = meds.read(write(tmp_path, nobody), partial=True)
    assert isinstance(found, UndescribedCohort) and not found.has_sex and not found.has_age
    with pytest.raises(ReaderError, match="without a sex"):
        meds.read(write(tmp_path, [*nobody, (7, None, "GENDER//F")]), partial=True)


def test_no_dataset_says_so(tmp_path):
    with pytest.raises(ReaderError, match=r"no data/\*\.parquet"):
        meds.read(tmp_path)
    (tmp_path / "0.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(ReaderError, match="not readable as parquet"):
        meds.read(tmp_path)
    parquet.write_table(pa.table({"subject_id": [1], "code": ["ICD9CM//4019"]}), tmp_path / "0.parquet")
    with pytest.raises(ReaderError, match="column time is missing"):
        meds.read(tmp_path)
