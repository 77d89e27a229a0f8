"""Medical Event Data Standard (MEDS): parquet files of subject_id, time and code become a Cohort.

Read are ICD-9-CM diagnoses (`DIAGNOSIS//ICD//9//4019`, `ICD9CM//401.9`, `ICD9CM/4019` ...), births (`MEDS_BIRTH`),
sexes (`GENDER//M`, `SEX/Female` ...) and stays (`HOSPITAL_ADMISSION`, `HOSPITAL_DISCHARGE`, whatever follows them);
other events are passed over. A stay's name is the column hadm_id, visit_id or visit_occurrence_id, where there is one.
Diagnoses become visits by the rule of `visits`; within a visit they follow the column seq_num, else time and file.
A code may occur twice in a visit.

`metadata/subject_splits.parquet`, where present, is honoured: train, tuning (validation) and held_out.

Source:
    https://github.com/Medical-Event-Data-Standard/meds, version 0.4; codes as the extractions of MIMIC-IV, of OMOP
    and of EHRSHOT to MEDS write them.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import compute as pc

from ehrgen.core.parquet import ParquetError, column_names, read_columns
from ehrgen.data.cohort import Cohort, cohort_of
from ehrgen.data.icd9 import codes as icd9
from ehrgen.data.readers.quality import TOLERATED, Quality, ReaderError, publish_ages, refuse
from ehrgen.data.readers.spelling import usable_codes
from ehrgen.data.readers.visits import age_between, described, with_visits

SPLITS_FILE = "subject_splits.parquet"
METADATA = (SPLITS_FILE, "codes.parquet")
SPLIT_OF = {"train": "train", "tuning": "validation", "held_out": "heldout"}
ICD9, ICD10, SEX, BIRTH, ADMISSION, DISCHARGE = "icd9", "icd10", "sex", "birth", "admission", "discharge"
KINDS = {  # of events: what their codes look like; the group is what the event says
    ICD9: r"(?i)^(?:DIAGNOSIS/+)?(?:ICD/+9(?:CM)?|ICD9(?:CM)?)/+(?P<value>[^/]+)$",
    ICD10: r"(?i)^(?:DIAGNOSIS/+)?(?:ICD/+10(?:CM)?|ICD10(?:CM)?)/+(?P<value>[^/]+)$",
    SEX: r"(?i)^(?:GENDER|SEX)/+(?P<value>M|F|MALE|FEMALE|8507|8532)$",
    BIRTH: r"^(?:MEDS_BIRTH|SNOMED/+184099003)(?P<value>)$",
    ADMISSION: r"^HOSPITAL_ADMISSION(?P<value>)(?:/.*)?$",
    DISCHARGE: r"^HOSPITAL_DISCHARGE(?P<value>)(?:/.*)?$",
}
SEX_OF = {"M": "M", "MALE": "M", "8507": "M", "F": "F", "FEMALE": "F", "8532": "F"}  # numbers are OMOP's concepts
STAYS = ("hadm_id", "visit_id", "visit_occurrence_id")
REMEDY = "take the whole MEDS dataset"


def read(place: Path | Sequence[Path], partial: bool = False) -> tuple[Cohort, Quality]:
    """The cohort of a MEDS dataset, a folder or the files named, and what became of its events.

    Args:
        partial: A dataset without any sex, or without any birth, or with codes that nobody bills, is no error.

    Raises:
        ReaderError: If there is no data file, one cannot be read, or its content cannot be trusted.
    """
    quality, files = Quality("meds"), parquet_files(place)
    shards = [file for file in files if file.name not in METADATA]
    if not shards:
        raise ReaderError(f"{place_name(place)}: no data/*.parquet of a MEDS dataset; name the folder or its files")
    where = f"{shards[0].parent}: codes"
    events = pd.concat([_events(shard) for shard in shards], ignore_index=True)
    rows = _diagnoses(events, where, quality, not partial)
    rows = with_visits(rows, _stays(events), f"{shards[0].parent}: diagnoses", quality)
    patients = _patients(events, rows, where)
    patients = described(patients, f"{shards[0].parent}: patients with a diagnosis", quality, partial)
    patients["age_years"] = publish_ages(patients["age_years"], quality)
    split = next((file for file in files if file.name == SPLITS_FILE), None)
    patients = patients.assign(split="unassigned") if split is None else _split(patients, split, quality)
    rows = rows[rows["patient_id"].isin(patients["patient_id"])]
    return cohort_of(patients, rows), quality


def place_name(place: Path | Sequence[Path]) -> str:
    """The place as error messages name it."""
    return str(place) if isinstance(place, Path) else ", ".join(map(str, place))


def parquet_files(place: Path | Sequence[Path]) -> list[Path]:
    """The parquet files of a folder and its subfolders, or those named, in order; none that is hidden."""
    named = place.rglob("*.parquet") if isinstance(place, Path) else [one for one in place if one.suffix == ".parquet"]
    return sorted(file for file in named if not file.name.startswith("."))


def _events(shard: Path) -> pd.DataFrame:
    """kind, value, subject_id, time, stay and position of the events of one file that are read."""
    try:
        names = column_names(shard)
        if missing := [name for name in ("subject_id", "time", "code") if name not in names]:
            raise ReaderError(f"{shard}: column {', '.join(missing)} is missing; {REMEDY}")
        stay = next((name for name in STAYS if name in names), None)
        own = [name for name in (stay, "seq_num") if name in names]
        table = _typed(read_columns(shard, ["subject_id", "time", "code", *own]), own)
    except ParquetError as error:
        raise ReaderError(f"{shard}: {error}; {REMEDY}") from None
    except pa.ArrowException as error:
        raise ReaderError(f"{shard}: a column is of another type than MEDS has ({error}); {REMEDY}") from None
    code = pc.dictionary_encode(table["code"]).combine_chunks()
    kinds = _kinds(code.dictionary.to_pandas())
    index = code.indices.to_pandas()
    kind = index.map(kinds["kind"])
    table = table.filter(pa.array(kind.notna()))
    index = index[kind.notna()].astype("int64")
    found = pd.DataFrame(
        {
            "kind": kind[kind.notna()].to_numpy(dtype=object),
            "value": index.map(kinds["value"]).to_numpy(dtype=object),
            "subject_id": table["subject_id"].to_pandas(),
            "time": table["time"].to_pandas().astype("datetime64[us]"),
            "stay": table[stay].fill_null("").to_pandas() if stay else "",
            "position": table["seq_num"].to_pandas() if "seq_num" in names else float("inf"),
        }
    )
    return found.astype({"stay": "str", "position": "float64"}).fillna({"position": float("inf")})


def _typed(table: pa.Table, own: Sequence[str]) -> pa.Table:
    """The columns as MEDS types them, or may be cast to; times of a zone become those of UTC.

    Raises:
        ArrowException: If one is of another type, as numbers in place of times are.
    """
    kind = table["time"].type
    if not (pa.types.is_temporal(kind) or pa.types.is_null(kind)):
        raise pa.ArrowTypeError(f"time is {kind}")
    time = table["time"].cast(pa.timestamp("us"), safe=False)  # nanoseconds may be lost
    types = {"subject_id": pa.int64(), "code": pa.string(), **dict.fromkeys(own, pa.string()), "seq_num": pa.float64()}
    columns = {name: table[name].cast(types[name]) for name in table.column_names if name != "time"}
    return pa.table(columns | {"time": time})


def _kinds(codes: pd.Series) -> pd.DataFrame:
    """kind and value of each distinct code; no kind for what is not read."""
    found = pd.DataFrame({"kind": pd.Series(None, codes.index, dtype=object), "value": ""}, dtype=object)
    for kind, pattern in KINDS.items():
        value = codes.str.extract(pattern)["value"]
        found.loc[value.notna(), "kind"] = kind
        found.loc[value.notna(), "value"] = value[value.notna()]
    return found


def _diagnoses(events: pd.DataFrame, where: str, quality: Quality, doubted: bool) -> pd.DataFrame:
    """patient_id, time, stay, position and code of the ICD-9 diagnoses that can be used."""
    nine, ten = (events["kind"] == kind for kind in (ICD9, ICD10))
    if not nine.any():
        other = "; its diagnoses are ICD-10" if ten.any() else ""
        raise ReaderError(f"{where}: no ICD-9-CM diagnosis (DIAGNOSIS//ICD//9//4019, ICD9CM//401.9){other}; {REMEDY}")
    quality.dropped["diagnoses in ICD-10"] = refuse(
        int(ten.sum()), int((nine | ten).sum()), where, "are ICD-10", "leave them out, or translate them", TOLERATED
    )
    rows = events[nine].rename(columns={"subject_id": "patient_id"})
    raw = rows["value"].astype("str").str.strip()
    rows = rows.assign(code=icd9.normalise(raw))
    rows = rows[usable_codes(raw, rows["code"], where, quality, doubted).to_numpy(dtype=bool)]
    rows = rows.sort_values(["patient_id", "position", "time"], kind="stable")
    return rows.assign(position=range(len(rows)))[["patient_id", "time", "stay", "position", "code"]]


def _stays(events: pd.DataFrame) -> pd.DataFrame:
    """patient_id, stay, start and end of every admission.

    A discharge ends the admission of its name; one without a name the last that began at or before it.
    """
    starts, ends = (
        events.loc[(events["kind"] == kind) & events["time"].notna(), ["subject_id", "stay", "time"]]
        for kind in (ADMISSION, DISCHARGE)
    )
    stays = starts.rename(columns={"subject_id": "patient_id", "time": "start"}).sort_values("start", ignore_index=True)
    ends = ends.rename(columns={"subject_id": "patient_id", "time": "end"}).sort_values("end", ignore_index=True)
    named = ends[ends["stay"] != ""].groupby(["patient_id", "stay"])["end"].max()
    places = stays[["patient_id", "start"]].assign(place=stays.index)
    near = pd.merge_asof(
        ends.loc[ends["stay"] == "", ["patient_id", "end"]],
        places,
        left_on="end",
        right_on="start",
        by="patient_id",
    )
    last = near.groupby("place")["end"].min()
    end = stays.join(named, on=["patient_id", "stay"])["end"]
    return stays.assign(end=end.fillna(last.reindex(stays.index)))


def _patients(events: pd.DataFrame, diagnoses: pd.DataFrame, where: str) -> pd.DataFrame:
    """patient_id, sex ('' for none or both) and age_years at the first visit, of everyone with a diagnosis."""
    first = diagnoses.groupby("patient_id")["start"].min()
    sexes = events.loc[events["kind"] == SEX, ["subject_id", "value"]]
    sexes = sexes.assign(sex=sexes["value"].str.upper().map(SEX_OF)).drop_duplicates(["subject_id", "sex"])
    one = sexes.drop_duplicates("subject_id", keep=False).set_index("subject_id")["sex"]
    births = events[(events["kind"] == BIRTH)].groupby("subject_id")["time"].min()
    age = age_between(births.reindex(first.index), first, f"{where}: {BIRTH}s")
    sex = one.reindex(first.index).fillna("")
    return pd.DataFrame({"patient_id": first.index, "sex": sex.to_numpy(), "age_years": age.to_numpy()})


def _split(patients: pd.DataFrame, file: Path, quality: Quality) -> pd.DataFrame:
    """The patients with the split that the file puts them into; those of no split are dropped and counted."""
    try:
        rows = read_columns(file, ["subject_id", "split"]).to_pandas()
    except ParquetError as error:
        raise ReaderError(f"{file}: {error}; {REMEDY}") from None
    if rows["subject_id"].duplicated().any():
        raise ReaderError(f"{file}: {int(rows['subject_id'].duplicated().sum())} subjects stand in it twice; {REMEDY}")
    split = patients["patient_id"].map(rows.set_index("subject_id")["split"].map(SPLIT_OF))
    quality.dropped[f"patients in none of the splits {', '.join(SPLIT_OF)}"] = refuse(
        int(split.isna().sum()), len(patients), str(file), "name no split of these patients", REMEDY, TOLERATED
    )
    return patients.assign(split=split)[split.notna()]
