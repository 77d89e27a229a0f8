"""The tables of MIMIC-III as PostgreSQL and DuckDB take them, by COPY into columns some of which must not be empty."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ehrgen.data.cohort import Cohort
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
    patients = written(tmp_path)
    for name, columns in COLUMNS.items():
        table = database.folder / f"{name}.csv"
        shutil.copyfile(tmp_path / f"{name}.csv", table)
        table.chmod(0o644)
        database.ask(definition(name, columns))
        database.ask(f"\\copy {name} from '{table}' delimiter ',' csv header null ''")
    for question, answer in answers(patients).items():
        assert database.ask(question) == answer, question


def test_duckdb_loads_every_table(tmp_path: Path):
    duckdb = pytest.importorskip("duckdb")
    patients = written(tmp_path)
    with duckdb.connect() as database:
        for name, columns in COLUMNS.items():
            database.execute(definition(name, columns))
            database.execute(
                f"copy {name} from '{tmp_path / name}.csv' (format csv, header, delimiter ',', nullstr '')"
            )
        for question, answer in answers(patients).items():
            assert str(database.execute(question).fetchone()[0]) == answer, question
        with pytest.raises(duckdb.ConstraintException, match="NOT NULL"):
            database.execute("insert into DIAGNOSES_ICD values (null, 1, 1, 1, '4019')")


def written(folder: Path) -> Cohort:
    """Patients whose tables lie in the folder; the first code of each visit begins with a zero."""
    drawn = population(300, 0)
    rows = drawn.diagnoses.assign(code=drawn.diagnoses["code"].where(drawn.diagnoses["position"] > 0, "0389"))
    patients = Cohort.from_rows(drawn.patients, rows)
    mimic3_tables.write(patients, Timeline.of(patients, np.random.default_rng(0)), folder)
    return patients


def definition(name: str, columns: dict[str, str]) -> str:
    return f"create table {name} ({', '.join(f'{column} {kind}' for column, kind in columns.items())})"


def answers(patients: Cohort) -> dict[str, str]:
    """Question in SQL -> answer, where the tables were taken as they were meant."""
    diagnoses = str(len(patients.diagnoses))
    joined = "DIAGNOSES_ICD natural join (select ICD9_CODE, LONG_TITLE from D_ICD_DIAGNOSES) titles"
    return {
        "select count(*) from PATIENTS": "300",
        "select count(*) from DIAGNOSES_ICD": diagnoses,
        "select count(*) from D_ICD_DIAGNOSES": str(patients.diagnoses["code"].nunique()),
        "select count(*) from PATIENTS where DOD is null and EXPIRE_FLAG = 0": "300",
        "select count(*) from ADMISSIONS where DISCHTIME <= ADMITTIME or LANGUAGE is not null": "0",
        "select count(*) from DIAGNOSES_ICD where ICD9_CODE = '0389'": str(
            (patients.diagnoses["code"] == "0389").sum()
        ),
        f"select count(*) from {joined}": diagnoses,
    }
