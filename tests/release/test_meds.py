"""The schemas below are those of the package `meds` 0.4.1, which is no dependency: it brings five more."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import given, settings
from pyarrow import parquet

from ehrgen.release import meds
from ehrgen.release.timeline import YEAR, Timeline
from tests.support.cohorts import cohort
from tests.support.sequences import RECORDS, from_records

DATA = {"subject_id": pa.int64(), "time": pa.timestamp("us"), "code": pa.string()}
CODES = {"code": pa.string(), "description": pa.string(), "parent_codes": pa.list_(pa.string())}
METADATA = {
    *("dataset_name", "dataset_version", "etl_name", "etl_version", "meds_version", "created_at", "license"),
    *("location_uri", "description_uri", "raw_source_id_columns", "code_modifier_columns"),
    *("additional_value_modality_columns", "site_id_columns", "other_extension_columns"),
}


def dated(patients):
    return Timeline.of(patients, np.random.default_rng(0))


def holds(schema: pa.Schema, wanted: dict[str, pa.DataType]) -> bool:
    return all(schema.field(name).type == kind for name, kind in wanted.items())


def test_by_hand():
    patients = cohort([["4019 E8497", "486"]], "M", [65.0])
    rows = meds.events(patients, dated(patients)).to_pandas()
    assert rows["code"].tolist() == [
        "GENDER//M",
        "MEDS_BIRTH",
        "HOSPITAL_ADMISSION",
        "DIAGNOSIS//ICD//9//4019",
        "DIAGNOSIS//ICD//9//E8497",
        "HOSPITAL_DISCHARGE",
        "HOSPITAL_ADMISSION",
        "DIAGNOSIS//ICD//9//486",
        "HOSPITAL_DISCHARGE",
    ]
    assert rows["time"].isna().tolist() == [True, *[False] * 8]
    assert abs((rows["time"][2] - rows["time"][1]).total_seconds() - 65 * YEAR) <= 1
    assert rows["hadm_id"].fillna(0).tolist() == [0, 0, 1, 1, 1, 1, 2, 2, 2]
    assert rows["seq_num"].fillna(0).tolist() == [0, 0, 0, 1, 2, 0, 0, 1, 0]


@settings(max_examples=20)
@given(RECORDS)
def test_subjects_are_contiguous_and_sorted_by_time(records):
    patients = from_records(records, sex="FM" * (len(records) // 2) + "F" * (len(records) % 2))
    table = meds.events(patients, dated(patients))
    assert holds(table.schema, DATA)
    assert table["subject_id"].null_count == 0 and table["code"].null_count == 0
    rows = table.to_pandas()
    changes = rows["subject_id"].ne(rows["subject_id"].shift())
    assert changes.sum() == len(patients)
    for _, subject in rows.groupby("subject_id"):
        assert subject["time"].isna().tolist() == [True, *[False] * (len(subject) - 1)]
        assert subject["time"].dropna().is_monotonic_increasing
    coded = rows["code"].str.removeprefix("DIAGNOSIS//ICD//9//")[rows["code"].str.startswith("DIAGNOSIS")]
    assert coded.tolist() == patients.diagnoses["code"].tolist(), "in the cohort's order"


def test_the_files_are_a_dataset(tmp_path: Path):
    patients = cohort([["4019 V3000", "0389"], ["4019"]], "FF", [1.0, 90.0])
    meds.write(patients, dated(patients), "two", tmp_path)
    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert names == {"data/0.parquet", "metadata/codes.parquet", "metadata/dataset.json"}
    events, codes = (parquet.read_table(tmp_path / name) for name in ("data/0.parquet", "metadata/codes.parquet"))
    assert holds(events.schema, DATA) and holds(codes.schema, CODES)
    assert not events.schema.field("subject_id").nullable and not codes.schema.field("code").nullable
    assert set(events["code"].to_pylist()) == set(codes["code"].to_pylist()), "each code explained, none besides"
    about = json.loads((tmp_path / "metadata/dataset.json").read_text())
    assert set(about) <= METADATA and about["meds_version"] == "0.4.1"
    assert set(about["other_extension_columns"]) == set(events.schema.names) - set(DATA)
    explained = codes.to_pandas().set_index("code")
    assert explained.loc["DIAGNOSIS//ICD//9//0389", "description"] == "Unspecified septicemia"
    assert explained.loc["DIAGNOSIS//ICD//9//0389", "parent_codes"].tolist() == ["ICD9CM/038.9"]
    birth = events.to_pandas().query("code == 'MEDS_BIRTH'")["time"]
    assert (birth > pd.Timestamp("2000-01-01")).all(), "90 is 90 here, not 300"
