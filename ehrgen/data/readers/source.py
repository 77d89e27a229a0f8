"""The files that a cohort is read from: what may be named in `cohort.files`, and a record of each for DVC to compare.

DVC has one list of dependencies for every source, so each file is recorded by a stage of its own, and ingest depends on
the records: a file beside a table is none of its business, and no folder of tables is ever hashed as a whole.
"""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ehrgen.core.files import write_json
from ehrgen.core.params import ParamsError

ONE_FILE = ("simulated", "nhds", "long")  # sources that are a single file
MIMIC = ("PATIENTS", "ADMISSIONS", "DIAGNOSES_ICD")
TABLES = {
    "mimic3": MIMIC,
    "mimic4": MIMIC,
    "mimic4_mapped": MIMIC,
    "omop": ("person", "condition_occurrence", "visit_occurrence"),
}
QUEUED = ".dvc/tmp/exps"  # where `dvc exp run --queue` and `--temp` run a copy of what git has


class SourceError(ValueError):
    """A file of patients that cannot be read; the message names it."""


def check(cohort: Any, where: str) -> None:
    """Refuse files that are not those of the source, before anything is read or hashed.

    Args:
        cohort: The section as it stands in the file of parameters; what has no list of files is left to `section`.
        where: The file of parameters, for messages.

    Raises:
        ParamsError: For a folder, another number of files than the source has, or, in the copy that a queued
            experiment runs in, a file that git ignores. The message says what to write instead.
    """
    files, source = (cohort.get("files"), cohort.get("source")) if isinstance(cohort, dict) else (None, None)
    named, where = [files] if isinstance(files, str) else files, f"{where}: cohort.files"
    if not (isinstance(named, list) and all(isinstance(file, str) for file in named)):
        return
    for folder in (Path(file) for file in named if Path(file).is_dir()):
        found = files_of(folder, source)
        one = "a parquet file" if source == "meds" else "the file itself"
        wanted = ", ".join(TABLES[source]) if source in TABLES else one
        remedy = f"write -S '{assignment(found)}'" if found else f"name {wanted}, which this folder lacks"
        raise ParamsError(f"{where}: {folder} is a folder; files are named one by one: {remedy}")
    if source in ONE_FILE and len(named) > 1:
        raise ParamsError(f"{where}: {source} is read from one file, not from {len(named)}{_named_like(named)}")
    here = Path.cwd()
    for file in named:
        if QUEUED in here.as_posix() and not (Path(file).is_absolute() or Path(file).exists()):
            absolute = here.as_posix().partition(f"/{QUEUED}")[0] + f"/{file}"
            raise ParamsError(
                f"{where}: {file} is not in the copy that a queued experiment runs in, as git ignores it; "
                f"queue it by its absolute path, {absolute}"
            )


def files_of(folder: Path, source: Any) -> list[Path]:
    """The files in a folder that this source is read from; two files of one table are both among them."""
    if source == "meds":
        return sorted(path for path in folder.rglob("*.parquet") if not path.name.startswith("."))
    wanted = {
        f"{name}.csv{end}".lower(): number for number, name in enumerate(TABLES.get(source, ())) for end in ("", ".gz")
    }
    folder = folder / "hosp" if (folder / "hosp").is_dir() else folder  # of MIMIC-IV
    found = [path for path in sorted(folder.iterdir()) if path.name.lower() in wanted]
    return sorted(found, key=lambda path: wanted[path.name.lower()])


def _named_like(files: Sequence[str]) -> str:
    """Which sources have files of these names, as the end of a message; nothing is read."""
    tables = {Path(file).name.lower().partition(".")[0] for file in files}
    sources = [source for source, names in TABLES.items() if {name.lower() for name in names[:-1]} <= tables]
    sources += ["meds"] if all(file.endswith(".parquet") for file in files) else []
    return f"; these have the names of {' or '.join(sources)}: set cohort.source" if sources else ""


def assignment(files: Iterable[Path]) -> str:
    """What follows -S to read these files."""
    return f"cohort.files=[{','.join(str(file.absolute()) for file in files)}]"


def record_path(file: str, folder: Path) -> Path:
    """Where the record of a file lies in the folder of records; an absolute path is repeated below it."""
    return Path(f"{folder}/{file}.json")


def record(file: str, folder: Path) -> None:
    """Write name, size and SHA-256 of a file.

    Raises:
        SourceError: If the file cannot be read.
    """
    try:
        with open(file, "rb") as stream:
            digest, size = hashlib.file_digest(stream, "sha256").hexdigest(), Path(file).stat().st_size
    except OSError as error:
        raise SourceError(f"{file}: {error.strerror or 'cannot be read'}; set cohort.files") from None
    write_json({"file": Path(file).name, "bytes": size, "sha256": digest}, record_path(file, folder))


def forgotten(files: Sequence[str], folder: Path) -> list[Path]:
    """Records of files that are no longer named: DVC leaves them, and ingest depends on the whole folder."""
    kept = {record_path(file, folder) for file in files}
    return sorted(path for path in folder.rglob("*") if path.is_file() and path not in kept)
