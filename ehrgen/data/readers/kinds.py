"""The table of sources of patients: who reads each, and how to tell by looking at the files which one they are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ehrgen.data.cohort import Cohort
from ehrgen.data.readers import long_table, meds, mimic3, mimic4, nhds, omop
from ehrgen.data.readers.meds import place_name
from ehrgen.data.readers.quality import Quality, ReaderError
from ehrgen.data.readers.tables import find_table, first_line, has_table, header_of

Place = Path | Sequence[Path]  # a folder or file, or the files of one source by name
Reader = Callable[[Any], tuple[Cohort, Quality]]
SAVED = ("patients.parquet", "diagnoses.parquet")
EVENT = {"subject_id", "time", "code"}
MIMIC4_MARKS = {"anchor_age", "anchor_year", "icd_code"}


@dataclass(frozen=True)
class Kind:
    """A kind of source.

    Attributes:
        title: What it is, in words.
        read: The reader; real patients have a sex and an age.
        judged: The same for patients who are only judged: these may be unknown, and codes as a generator made them.
    """

    title: str
    read: Reader
    judged: Reader


def _partial(reader: Callable[[Path, bool], tuple[Cohort, Quality]]) -> Reader:
    return lambda path: reader(path, True)


def _saved(folder: Path) -> tuple[Cohort, Quality]:
    return Cohort.load(folder), Quality("cohort")


KINDS = {
    "mimic3": Kind("tables of MIMIC-III", mimic3.read, _partial(mimic3.read)),
    "mimic4": Kind("tables of MIMIC-IV", mimic4.read, mimic4.read),
    mimic4.MAPPED: Kind("tables of MIMIC-IV, ICD-10 translated", mimic4.read_mapped, mimic4.read_mapped),
    "meds": Kind("a MEDS dataset", meds.read, _partial(meds.read)),
    "omop": Kind("tables of OMOP", omop.read, _partial(omop.read)),
    "nhds": Kind("the public-use file of the NHDS", nhds.read, nhds.read),
    "long": Kind("a table of patient, visit and code", long_table.read, _partial(long_table.read)),
    "cohort": Kind("a cohort of this project", _saved, _saved),
}
ALIKE = {mimic4.MAPPED: "mimic4"}  # sources that cannot be told from another by their files


def read(source: str, place: Place) -> tuple[Cohort, Quality]:
    """The patients of a source, its folder, its file or the files named, and what became of its rows.

    Raises:
        ReaderError: If they cannot be read. Where the files seem to be of another kind, the message says which.
    """
    seems = kind_of(place) if not isinstance(place, Path) or place.exists() else None
    if seems in (None, ALIKE.get(source, source)):
        return KINDS[source].read(place)
    wanted, where = KINDS[source].title, place_name(place)
    raise ReaderError(
        f"{where}: these seem to be {KINDS[str(seems)].title}, not {wanted}; set cohort.source to {seems}"
    )


def read_judged(path: Path) -> tuple[Cohort, Quality]:
    """Patients of whatever kind, to be judged only: sex and age may be unknown.

    Raises:
        ReaderError: If the kind cannot be told, or the patients cannot be read.
    """
    seems = kind_of(path)
    if seems is None:
        known = ", ".join(kind.title for name, kind in KINDS.items() if name not in ALIKE)
        raise ReaderError(f"{path}: neither of the kinds that can be read: {known}")
    return KINDS[seems].judged(path)


def kind_of(path: Place) -> str | None:
    """Which source the folder, the file or the files named seem to be; None if they look like none of them.

    Raises:
        ReaderError: If there is no such folder or file.
    """
    if not isinstance(path, Path) and len(path) == 1 and path[0].is_file():
        return _kind_of_tables(path) or kind_of(path[0])
    if not isinstance(path, Path) or path.is_dir():
        return _kind_of_tables(path)
    if path.suffix == ".parquet":
        names = {name.lower() for name in long_table.parquet_header(path)}
        return "meds" if names >= EVENT else _long(list(names))
    if len(first_line(path).strip()) >= nhds.DIAGNOSES.stop and b"," not in first_line(path):
        return "nhds"
    return _long(header_of(path))


def _kind_of_tables(place: Place) -> str | None:
    if isinstance(place, Path) and all((place / name).is_file() for name in SAVED):
        return "cohort"
    tables = mimic4.tables(place)
    if has_table(tables, "DIAGNOSES_ICD"):
        columns = {name for table in ("PATIENTS", "DIAGNOSES_ICD") for name in _header(tables, table)}
        return "mimic4" if columns & MIMIC4_MARKS else "mimic3"
    if has_table(place, "condition_occurrence"):
        return "omop"
    return "meds" if meds.parquet_files(place) else None


def _header(place: Place, table: str) -> list[str]:
    return header_of(find_table(place, table)) if has_table(place, table) else []


def _long(header: list[str]) -> str | None:
    return "long" if set(long_table.NEEDED) <= set(long_table.roles(header)) else None
