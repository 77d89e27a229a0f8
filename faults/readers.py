"""Sources of patients, changed without harm, changed so that they must be refused, and with noise in them."""

import csv
import gzip
import io
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from ehrgen.data.cohort import Cohort
from ehrgen.release import meds, mimic3_tables
from ehrgen.release.timeline import Timeline
from faults.project import Project
from faults.stages import run
from faults.tally import MUTE, ONE_LINE, SURVIVED, TRACEBACK, WRONG, Fault

NOISE = 12  # of each table
ALIKE = 0.97  # share of patients that noise may leave as they were
Rows = list[list[str]]
Change = Callable[[bytes, random.Random], bytes]


def fuzzed(project: Project, work: Path, holder: Path, rng: random.Random) -> Iterator[Fault]:
    """Read tables of several kinds, each of the finished run's patients, changed."""
    for name, (source, tables) in sources(Cohort.load(project.folder / "data/cohort"), holder / "sources").items():
        intact = _read(project, work, source, tables)
        if intact is None:
            yield Fault(f"sources: {name}", "intact", WRONG, "refused")
            continue
        if tables[0].suffix == ".parquet":
            for way, change in PARQUET.items():
                yield _judged(project, work, source, tables, tables[0], way, change, intact, rng, must_refuse=True)
            continue
        for table in tables:
            for name, change in HARMLESS.items() if source != "nhds" else ():
                yield _judged(project, work, source, tables, table, name, change, intact, rng)
            for name, change in HARMFUL[source].get(table.stem, {}).items():
                yield _judged(project, work, source, tables, table, name, change, intact, rng, must_refuse=True)
            for _ in range(NOISE):
                name, change = rng.choice(sorted(RANDOM.items()))
                yield _judged(project, work, source, tables, table, name, change, intact, rng, noise=True)


def sources(cohort: Cohort, folder: Path) -> dict[str, tuple[str, list[Path]]]:
    """Name -> source and files: the same patients in several forms; NHDS has first visits alone."""
    (folder / "meds").mkdir(parents=True, exist_ok=True)
    timeline = Timeline.of(cohort, np.random.default_rng(0))
    mimic3_tables.write(cohort, timeline, folder)
    meds.write(cohort, timeline, "made", np.random.default_rng(0), folder / "meds")
    people = cohort.patients.set_index("patient_id")
    rows = cohort.diagnoses.join(people[["sex", "age_years"]], on="patient_id")
    long = rows[["patient_id", "visit", "position", "code", "sex", "age_years"]]
    long.to_csv(folder / "long.csv", index=False)
    long.to_parquet(folder / "long.parquet", index=False)
    first = rows[rows["visit"] == 0].groupby("patient_id")["code"].agg(list)
    lines = [_nhds_line(people.loc[patient], codes) for patient, codes in first.items()]
    (folder / "nhds.txt").write_text("".join(lines))
    tables = [folder / f"{name}.csv" for name in ("PATIENTS", "ADMISSIONS", "DIAGNOSES_ICD")]
    return {
        "mimic3": ("mimic3", tables),
        "nhds": ("nhds", [folder / "nhds.txt"]),
        "long": ("long", [folder / "long.csv"]),
        "long, parquet": ("long", [folder / "long.parquet"]),
        "meds": ("meds", [folder / "meds/data/0.parquet", folder / "meds/metadata/subject_splits.parquet"]),
    }


def _nhds_line(person: pd.Series, codes: list[str]) -> str:
    age, sex = f"1{int(person['age_years']):02d}", "1" if person["sex"] == "M" else "2"
    return f"110{age}{sex}" + "1" * 20 + "".join(f"{code:-<5}" for code in codes[:15]).ljust(75, "-") + "1" * 48 + "\n"


def _columns(change: Callable[[list[str], Rows, random.Random], Rows]) -> Change:
    """A change of the rows of a comma-separated table."""

    def changed(content: bytes, rng: random.Random) -> bytes:
        header, *rows = csv.reader(io.StringIO(content.decode()))
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([header, *change(header, rows, rng)])
        return text.getvalue().encode()

    return changed


def _in_column(names: tuple[str, ...], change: Callable[[str], str], share: float = 1.0) -> Change:
    """The values of a column changed, in a share of the rows."""

    def changed(header: list[str], rows: Rows, rng: random.Random) -> Rows:
        at = next(number for number, name in enumerate(header) if name.lower() in names)
        return [[*row[:at], change(row[at]), *row[at + 1 :]] if rng.random() < share else row for row in rows]

    return _columns(changed)


def _swapped(one: str, other: str) -> Change:
    def changed(header: list[str], rows: Rows, rng: random.Random) -> Rows:
        a, b = header.index(one), header.index(other)
        return [[row[b] if at == a else row[a] if at == b else value for at, value in enumerate(row)] for row in rows]

    return _columns(changed)


def _table(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Change:
    """A change of a parquet file."""
    return lambda content, rng: change(pd.read_parquet(io.BytesIO(content))).to_parquet(index=False)


def _codes(change: Callable[[str], str]) -> Change:
    """A change of what follows the vocabulary in the codes of diagnoses."""

    def changed(code: str) -> str:
        vocabulary, slashes, own = code.rpartition("//")
        return f"{vocabulary}{slashes}{change(own)}" if not slashes or code.startswith("DIAGNOSIS") else code

    return _table(lambda table: table.assign(code=table["code"].map(changed)))


def _lines(change: Callable[[list[bytes], random.Random], list[bytes]]) -> Change:
    return lambda content, rng: b"".join(change(content.splitlines(keepends=True), rng))


def _noise(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(3):
        changed[rng.randrange(len(changed) // 20, len(changed))] = rng.randrange(256)
    return bytes(changed)


def _shuffled(lines: list[bytes], rng: random.Random) -> list[bytes]:
    return [lines[0], *rng.sample(lines[1:], len(lines) - 1)]


def _without_one(lines: list[bytes], rng: random.Random) -> list[bytes]:
    at = rng.randrange(1, len(lines))
    return lines[:at] + lines[at + 1 :]


CODE = ("icd9_code", "code")
HARMLESS: dict[str, Change] = {
    "line ends of Windows": lambda content, rng: content.replace(b"\n", b"\r\n"),
    "a byte order mark": lambda content, rng: b"\xef\xbb\xbf" + content,
    "gzipped": lambda content, rng: gzip.compress(content),
    "a column more": _lines(lambda lines, rng: [line.rstrip(b"\n") + b",x\n" for line in lines]),
    "header in lower case": _lines(lambda lines, rng: [lines[0].lower(), *lines[1:]]),
    "blank lines at the end": lambda content, rng: content + b"\n\n",
}
EVERY: dict[str, Change] = {
    "UTF-16": lambda content, rng: content.decode().encode("utf-16"),
    "semicolons": lambda content, rng: content.replace(b",", b";"),
    "tabs": lambda content, rng: content.replace(b",", b"\t"),
    "the header alone": _lines(lambda lines, rng: lines[:1]),
    "no header": _lines(lambda lines, rng: lines[1:]),
    "a damaged gzip file": lambda content, rng: gzip.compress(content)[: len(content) // 10],
    "empty": lambda content, rng: b"",
    "noise alone": lambda content, rng: rng.randbytes(2000),
}
CODES: dict[str, Change] = {
    "zeros lost": _in_column(CODE, lambda code: code.lstrip("0")),
    "zeros lost in half": _in_column(CODE, lambda code: code.lstrip("0"), 0.5),
    "padded to five": _in_column(CODE, lambda code: f"{code:0<5}"),
    "ICD-10": _in_column(CODE, lambda code: f"I{code[:2]}9"),
    "ICD-10 in a third": _in_column(CODE, lambda code: f"I{code[:2]}9", 0.34),
    "words": _in_column(CODE, lambda code: "pneumonia"),
    "empty codes": _in_column(CODE, lambda code: ""),
}
HALF = {"the second half of the rows gone": _lines(lambda lines, rng: lines[: len(lines) // 2])}
HARMFUL: dict[str, dict[str, dict[str, Change]]] = {
    "mimic3": {
        "PATIENTS": EVERY | HALF | {"one identifier": _in_column(("subject_id",), lambda value: "7")},
        "ADMISSIONS": EVERY
        | HALF
        | {
            "one patient": _in_column(("subject_id",), lambda value: "7"),
            "identifiers swapped": _swapped("SUBJECT_ID", "HADM_ID"),
            "dates of nobody's life": _in_column(("admittime",), lambda value: "1700-01-01 00:00:00"),
        },
        "DIAGNOSES_ICD": EVERY
        | CODES
        | {
            "one patient": _in_column(("subject_id",), lambda value: "7"),
            "identifiers swapped": _swapped("SUBJECT_ID", "HADM_ID"),
            "one admission": _in_column(("hadm_id",), lambda value: "7"),
        },
    },
    "long": {"long": EVERY | CODES},
    "nhds": {
        "nhds": {
            "one column less": _lines(lambda lines, rng: [line[1:] for line in lines]),
            "one column more": _lines(lambda lines, rng: [b"1" + line for line in lines]),
            "short lines": _lines(lambda lines, rng: [line[:60] + b"\n" for line in lines]),
            "no sex": _lines(lambda lines, rng: [line[:6] + b"7" + line[7:] for line in lines]),
            "UTF-16": EVERY["UTF-16"],
            "a damaged gzip file": EVERY["a damaged gzip file"],
            "empty": EVERY["empty"],
            "noise alone": EVERY["noise alone"],
        }
    },
}
PARQUET: dict[str, Change] = {
    "empty": EVERY["empty"],
    "noise alone": EVERY["noise alone"],
    "the first half": lambda content, rng: content[: len(content) // 2],
    "the last byte gone": lambda content, rng: content[:-1],
    "no row": _table(lambda table: table[:0]),
    "no code": _table(lambda table: table.drop(columns="code")),
    "codes as numbers": _table(lambda table: table.assign(code=range(len(table)))),
    "zeros lost": _codes(lambda code: code.lstrip("0")),
    "padded to five": _codes(lambda code: f"{code:0<5}"),
    "ICD-10": _codes(lambda code: f"E10{code[:2]}"),
    "words": _codes(lambda code: "pneumonia"),
    "one patient": _table(lambda table: table.assign(**dict.fromkeys(table.columns[:1], 7))),
    "times as numbers, or no visits": _table(
        lambda table: table.assign(time=0.5) if "time" in table else table.drop(columns="visit")
    ),
}
RANDOM: dict[str, Change] = {
    "three bytes": _noise,
    "a row less": _lines(_without_one),
    "a row twice": _lines(lambda lines, rng: [*lines, rng.choice(lines[1:])]),
    "another order": _lines(_shuffled),
}


def _judged(
    project: Project,
    work: Path,
    source: str,
    tables: list[Path],
    table: Path,
    name: str,
    change: Change,
    intact: Cohort,
    rng: random.Random,
    must_refuse: bool = False,
    noise: bool = False,
) -> Fault:
    changed = work.parent / "changed" / table.name
    changed.parent.mkdir(exist_ok=True)
    changed.write_bytes(change(table.read_bytes(), rng))
    ended, cohort = _ingested(project, work, source, [changed if one == table else one for one in tables])
    kind = "must be refused" if must_refuse else "noise" if noise else "harmless"
    group, what = f"sources: {kind}", f"{source}, {table.name}: {name}"
    if cohort is None:
        outcome = {"one line": ONE_LINE, "traceback": TRACEBACK}.get(ended.manner, MUTE)
        return Fault(group, what, outcome, ended.printed[-1500:])
    same = _alike(intact, cohort)
    enough = same >= (ALIKE if noise else 1.0)
    return Fault(group, what, SURVIVED if enough else WRONG, f"{same:.1%} of the patients are as they were")


def _alike(one: Cohort, other: Cohort) -> float:
    """Share of the patients, by sex, age and codes, that both cohorts have."""
    first, second = (_described(cohort) for cohort in (one, other))
    return len(first & second) / max(len(first), len(second))


def _described(cohort: Cohort) -> set[tuple]:
    codes = cohort.diagnoses.groupby("patient_id")["code"].agg(tuple)
    people = cohort.patients.set_index("patient_id")
    return {
        (people.at[patient, "sex"], int(people.at[patient, "age_years"]), codes[patient]) for patient in codes.index
    }


def _read(project: Project, work: Path, source: str, tables: list[Path]) -> Cohort | None:
    return _ingested(project, work, source, tables)[1]


def _ingested(project: Project, work: Path, source: str, tables: list[Path]):
    folder = project.copy(work)
    content = YAML(typ="safe").load(folder / "params.yaml")
    content["cohort"] |= {"source": source, "files": [str(table) for table in tables], "patients": None}
    with open(folder / "params.yaml", "w", encoding="utf-8") as stream:
        YAML().dump(content, stream)
    ended = run(folder, project.stages["ingest"])
    return ended, Cohort.load(folder / "data/cohort") if ended.manner == "done" else None
