"""Read by the package `meds` itself; by MEDS_transforms, where its program is on the path or in $MEDS_TRANSFORMS."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import meds as standard
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from pyarrow import parquet

from ehrgen.release import meds
from ehrgen.release.timeline import YEAR, Timeline
from tests.support.cohorts import cohort, population
from tests.support.sequences import RECORDS, from_records

DATA = {"subject_id": pa.int64(), "time": pa.timestamp("us"), "code": pa.string()}
CODES = {"code": pa.string(), "description": pa.string(), "parent_codes": pa.list_(pa.string())}
METADATA = {
    *("dataset_name", "dataset_version", "etl_name", "etl_version", "meds_version", "created_at", "license"),
    *("location_uri", "description_uri", "raw_source_id_columns", "code_modifier_columns"),
    *("additional_value_modality_columns", "site_id_columns", "other_extension_columns"),
}


RESHARDING = """\
input_dir: {folder}/made
output_dir: {folder}/out
stages:
  - reshard_to_split:
      n_subjects_per_shard: 50
"""


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


@pytest.mark.slow
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
    meds.write(patients, dated(patients), "two", np.random.default_rng(0), tmp_path)
    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    about_them = ("codes.parquet", "dataset.json", "subject_splits.parquet")
    assert names == {"data/0.parquet", *(f"metadata/{name}" for name in about_them)}
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


def test_the_standard_itself_finds_no_fault(tmp_path: Path):
    patients = population(60, 0)
    meds.write(patients, dated(patients), "sixty", np.random.default_rng(0), tmp_path)
    files = {
        standard.DataSchema: "data/0.parquet",
        standard.CodeMetadataSchema: "metadata/codes.parquet",
        standard.SubjectSplitSchema: "metadata/subject_splits.parquet",
    }
    for schema, name in files.items():
        schema.validate(parquet.read_table(tmp_path / name))
    standard.DatasetMetadataSchema.validate(json.loads((tmp_path / "metadata/dataset.json").read_text()))
    with pytest.raises(Exception, match="Missing required columns"):
        standard.DataSchema.validate(parquet.read_table(tmp_path / "metadata/codes.parquet"))


def test_a_tenth_tunes_and_a_tenth_is_held_out(tmp_path: Path):
    patients = population(60, 0)
    found = [meds.splits(patients, np.random.default_rng(seed)).to_pandas() for seed in (0, 0, 1)]
    assert found[0]["split"].value_counts().to_dict() == {"train": 48, "tuning": 6, "held_out": 6}
    assert found[0]["subject_id"].tolist() == patients.patients["patient_id"].tolist()
    pd.testing.assert_frame_equal(found[0], found[1])
    assert found[0]["split"].tolist() != found[2]["split"].tolist()


RESHARD = os.environ.get("MEDS_TRANSFORMS") or shutil.which("MEDS_transform-pipeline")


@pytest.mark.skipif(RESHARD is None, reason="no MEDS_transform-pipeline here")
def test_meds_transforms_reshards_it_by_its_splits(tmp_path: Path):
    patients = population(60, 0)
    (tmp_path / "made").mkdir()
    meds.write(patients, dated(patients), "sixty", np.random.default_rng(0), tmp_path / "made")
    pipeline = tmp_path / "pipeline.yaml"
    pipeline.write_text(RESHARDING.format(folder=tmp_path), encoding="utf-8")
    path = f"{Path(str(RESHARD)).parent}{os.pathsep}{os.environ['PATH']}"  # it starts another program of its package
    subprocess.run([str(RESHARD), str(pipeline)], check=True, capture_output=True, env={**os.environ, "PATH": path})
    shards = {path.parent.name: parquet.read_table(path) for path in (tmp_path / "out/data").rglob("*.parquet")}
    assert set(shards) == {"train", "tuning", "held_out"}
    assert sum(len(shard) for shard in shards.values()) == len(parquet.read_table(tmp_path / "made/data/0.parquet"))
    assert len(set(shards["held_out"]["subject_id"].to_pylist())) == 6
