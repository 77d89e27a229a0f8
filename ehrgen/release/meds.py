"""A cohort as events of the Medical Event Data Standard (MEDS) 0.4: one subject, time and code a row.

`data/0.parquet`
    subject_id  int64          every subject's rows together, sorted by time
    time        timestamp[us]  empty for what has no time: the sex
    code        string         see `EVENTS`
    hadm_id     int64          the admission, where there is one
    seq_num     int64          place of a diagnosis within its admission, from 1
`metadata/codes.parquet`
    code, description (the title), parent_codes (ICD9CM/ and the code with its dot)
`metadata/subject_splits.parquet`
    subject_id, split (train, tuning, held_out: at random, see SHARES), for whom these patients train a model
`metadata/dataset.json`

Dates are those of a `Timeline`; an age over 89 is kept as the cohort has it. Diagnoses stand at the discharge: they
are coded then, and a model that predicts from the admission must not see them.

Source:
    https://github.com/Medical-Event-Data-Standard/meds, version 0.4.1; codes as in the MIMIC-IV extraction to MEDS.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from ehrgen.core.files import write_json
from ehrgen.data.cohort import SEXES, Cohort
from ehrgen.data.icd9 import codes as icd9
from ehrgen.release.timeline import Timeline

VERSION = "0.4.1"
SEX, BIRTH, ADMISSION, DIAGNOSIS, DISCHARGE = (
    *("GENDER//", "MEDS_BIRTH", "HOSPITAL_ADMISSION", "DIAGNOSIS//ICD//9//", "HOSPITAL_DISCHARGE"),
)
EVENTS = (SEX, BIRTH, ADMISSION, DIAGNOSIS, DISCHARGE)  # in this order where the time is the same
EVENT_TITLES = {
    f"{SEX}F": "female",
    f"{SEX}M": "male",
    BIRTH: "birth",
    ADMISSION: "admission to hospital",
    DISCHARGE: "discharge from hospital",
}
SHARES = {"tuning": 0.1, "held_out": 0.1}  # the others are `train`
SPLITS = pa.schema([pa.field("subject_id", pa.int64(), nullable=False), pa.field("split", pa.string(), nullable=False)])
DATA = pa.schema(
    [
        pa.field("subject_id", pa.int64(), nullable=False),
        pa.field("time", pa.timestamp("us")),
        pa.field("code", pa.string(), nullable=False),
        pa.field("hadm_id", pa.int64()),
        pa.field("seq_num", pa.int64()),
    ]
)
CODES = pa.schema(
    [
        pa.field("code", pa.string(), nullable=False),
        pa.field("description", pa.string()),
        pa.field("parent_codes", pa.list_(pa.string())),
    ]
)


def write(cohort: Cohort, timeline: Timeline, name: str, rng: np.random.Generator, folder: Path) -> None:
    """Write the dataset `name` below `folder`, which must exist; `rng` splits its patients."""
    for part in ("data", "metadata"):
        (folder / part).mkdir()
    parquet.write_table(events(cohort, timeline), folder / "data" / "0.parquet")
    parquet.write_table(codes(cohort), folder / "metadata" / "codes.parquet")
    parquet.write_table(splits(cohort, rng), folder / "metadata" / "subject_splits.parquet")
    about = {
        "dataset_name": name,
        "etl_name": "ehrgen",
        "meds_version": VERSION,
        "other_extension_columns": ["hadm_id", "seq_num"],
    }
    write_json(about, folder / "metadata" / "dataset.json", indent=1, sort_keys=True)


def events(cohort: Cohort, timeline: Timeline) -> pa.Table:
    """Every event of every patient, in the schema `DATA`."""
    stays = timeline.admissions
    coded = cohort.diagnoses.merge(stays, on=["patient_id", "visit"])
    parts = [
        _part(cohort.patients, SEX, SEX + cohort.patients["sex"]),
        _part(timeline.births, BIRTH, BIRTH, time="born"),
        _part(stays, ADMISSION, ADMISSION, time="admitted"),
        _part(coded.assign(seq_num=coded["position"] + 1), DIAGNOSIS, DIAGNOSIS + coded["code"], time="discharged"),
        _part(stays, DISCHARGE, DISCHARGE, time="discharged"),
    ]
    rows = pd.concat(parts, ignore_index=True)
    rows = rows.sort_values(["subject_id", "time", "kind", "seq_num"], na_position="first", kind="stable")
    return pa.Table.from_pandas(rows, DATA, preserve_index=False)


def codes(cohort: Cohort) -> pa.Table:
    """Every code that occurs, with its title, in the schema `CODES`."""
    diagnosed = np.sort(cohort.diagnoses["code"].unique().astype(str))
    sexes = [f"{SEX}{sex}" for sex in SEXES if (cohort.patients["sex"] == sex).any()]
    others = [*sexes, BIRTH, ADMISSION, DISCHARGE]
    columns = {
        "code": [*others, *(f"{DIAGNOSIS}{code}" for code in diagnosed)],
        "description": [*(EVENT_TITLES[code] for code in others), *icd9.titles(diagnosed)],
        "parent_codes": [*(None for _ in others), *([f"ICD9CM/{dotted(code)}"] for code in diagnosed)],
    }
    return pa.Table.from_pydict(columns, CODES)


def splits(cohort: Cohort, rng: np.random.Generator) -> pa.Table:
    """Which split each patient is in, in the schema `SPLITS`; of fewer than ten patients all are `train`."""
    chosen = np.full(len(cohort), "train", dtype=object)
    order, start = rng.permutation(len(cohort)), 0
    for split, share in SHARES.items():
        size = int(share * len(cohort))
        chosen[order[start : start + size]] = split
        start += size
    return pa.Table.from_pydict({"subject_id": cohort.patients["patient_id"], "split": chosen}, SPLITS)


def dotted(code: str) -> str:
    """The code with its dot after the category.

    Example:
        >>> dotted("4019"), dotted("E8497"), dotted("V30"), dotted("486")
        ('401.9', 'E849.7', 'V30', '486')
    """
    length = len(str(icd9.category([code])[0]))
    return f"{code[:length]}.{code[length:]}" if code[length:] else code


def _part(rows: pd.DataFrame, kind: str, code: str | pd.Series, time: str | None = None) -> pd.DataFrame:
    """Events of one kind, one for each of `rows`, which have a patient_id and what else they can say."""
    events = pd.DataFrame({"subject_id": rows["patient_id"], "code": code, "kind": EVENTS.index(kind)})
    events["time"] = rows[time].astype("datetime64[us]") if time else pd.Series(pd.NaT, rows.index, "datetime64[us]")
    for name in ("hadm_id", "seq_num"):
        events[name] = rows[name].astype("Int64") if name in rows else pd.Series(pd.NA, rows.index, "Int64")
    return events
