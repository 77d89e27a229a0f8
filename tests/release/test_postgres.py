"""The tables of MIMIC-III as a database takes them: PostgreSQL's COPY, into columns some of which must not be empty."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ehrgen.release import mimic3_tables
from ehrgen.release.timeline import Timeline
from tests.support.cohorts import cohort, population

# Types, and what must not be empty, of the published tables 1.4 (https://mimic.mit.edu/docs/iii/tables).
NUMBER, TIME, TEXT = "int", "timestamp(0)", "varchar(255)"
COLUMNS = {
    "PATIENTS": {
        **{"ROW_ID": f"{NUMBER} not null", "SUBJECT_ID": f"{NUMBER} not null", "GENDER": "varchar(5) not null"},
        **{"DOB": f"{TIME} not null", "DOD": TIME, "DOD_HOSP": TIME, "DOD_SSN": TIME},
        **{"EXPIRE_FLAG": f"{NUMBER} not null"},
    },
    "ADMISSIONS": {
        **dict.fromkeys(("ROW_ID", "SUBJECT_ID", "HADM_ID"), f"{NUMBER} not null"),
        **{"ADMITTIME": f"{TIME} not null", "DISCHTIME": f"{TIME} not null", "DEATHTIME": TIME},
        **dict.fromkeys(("ADMISSION_TYPE", "ADMISSION_LOCATION", "DISCHARGE_LOCATION"), "varchar(50) not null"),
        **{"INSURANCE": f"{TEXT} not null", "LANGUAGE": "varchar(10)", "RELIGION": "varchar(50)"},
        **{"MARITAL_STATUS": "varchar(50)", "ETHNICITY": "varchar(200) not null", "EDREGTIME": TIME},
        **{"EDOUTTIME": TIME, "DIAGNOSIS": TEXT, "HOSPITAL_EXPIRE_FLAG": "smallint"},
        **{"HAS_CHARTEVENTS_DATA": "smallint not null"},
    },
    "DIAGNOSES_ICD": {
        **dict.fromkeys(("ROW_ID", "SUBJECT_ID", "HADM_ID"), f"{NUMBER} not null"),
        **{"SEQ_NUM": NUMBER, "ICD9_CODE": "varchar(10)"},
    },
    "D_ICD_DIAGNOSES": {
        **{"ROW_ID": f"{NUMBER} not null", "ICD9_CODE": "varchar(10) not null"},
        **{"SHORT_TITLE": "varchar(50) not null", "LONG_TITLE": f"{TEXT} not null"},
    },
}


PROGRAMS = ("initdb", "pg_ctl", "psql")


class Database:
    """A server of its own in a folder of its own, reached by a socket there."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.programs, self.folder = programs, folder
        self.user = "postgres" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root

    def run(self, program: str, *arguments: str) -> str:
        command = [str(self.programs / program), *arguments]
        done = subprocess.run(command, user=self.user, cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self) -> None:
        self.run("initdb", "-D", "data", "-A", "trust", "-U", "tester", "-E", "UTF8", "--no-sync")
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=off"
        self.run("pg_ctl", "-w", "-D", "data", "-l", "log", "-o", options, "start")

    def ask(self, sql: str) -> str:
        place = ("-h", str(self.folder), "-U", "tester", "-d", "postgres")
        return self.run("psql", *place, "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-c", sql).strip()


@pytest.fixture
def database() -> Iterator[Database]:
    folders = [*Path("/usr/lib/postgresql").glob("*/bin"), *map(Path, os.environ["PATH"].split(os.pathsep))]
    programs = [folder for folder in folders if all((folder / name).exists() for name in PROGRAMS)]
    if not programs:
        pytest.skip("PostgreSQL is absent")
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # a socket's path must be short
    server = Database(programs[0], folder)
    if server.user is not None:
        shutil.chown(folder, server.user)
    try:
        server.start()
        yield server
        server.run("pg_ctl", "-D", "data", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_the_columns_are_those_that_are_written(tmp_path: Path):
    patients = cohort([["0389 4019", "V3000"]], "M", [65.0])
    mimic3_tables.write(patients, Timeline.of(patients, np.random.default_rng(0)), tmp_path)
    for name, columns in COLUMNS.items():
        header, *rows = (tmp_path / f"{name}.csv").read_text().splitlines()
        assert header == ",".join(f'"{column}"' for column in columns)
        needed = [place for place, kind in enumerate(columns.values()) if kind.endswith("not null")]
        assert all('""' not in row and all(row.split(",")[place] for place in needed) for row in rows)


@pytest.mark.slow
def test_postgres_loads_every_table(database: Database, tmp_path: Path):
    patients = population(300, 0)
    mimic3_tables.write(patients, Timeline.of(patients, np.random.default_rng(0)), tmp_path)
    loaded = {}
    for name, columns in COLUMNS.items():
        table = database.folder / f"{name}.csv"
        shutil.copyfile(tmp_path / f"{name}.csv", table)
        table.chmod(0o644)
        database.ask(f"create table {name} ({', '.join(f'{column} {kind}' for column, kind in columns.items())})")
        database.ask(f"\\copy {name} from '{table}' delimiter ',' csv header null ''")
        loaded[name] = int(database.ask(f"select count(*) from {name}"))
    assert loaded["PATIENTS"] == 300 and loaded["DIAGNOSES_ICD"] == len(patients.diagnoses)
    assert loaded["D_ICD_DIAGNOSES"] == patients.diagnoses["code"].nunique()
    assert database.ask("select count(*) from PATIENTS where DOD is null and EXPIRE_FLAG = 0") == "300"
    assert database.ask("select count(*) from ADMISSIONS where DISCHTIME <= ADMITTIME or LANGUAGE is not null") == "0"
    joined = "DIAGNOSES_ICD natural join (select ICD9_CODE, LONG_TITLE from D_ICD_DIAGNOSES) titles"
    assert database.ask(f"select count(*) from {joined}") == str(len(patients.diagnoses))
