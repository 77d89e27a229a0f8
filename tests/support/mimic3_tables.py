"""Tables of MIMIC-III for tests: two patients, as rows of text, and the folder they are written to."""

import gzip
from pathlib import Path

import pandas as pd

Tables = dict[str, list[dict[str, str]]]


def small() -> Tables:
    """Two patients: 7 (F, admitted at 50 and 51) and 9 (M, newborn)."""
    return {
        "PATIENTS": [
            {"ROW_ID": "1", "SUBJECT_ID": "7", "GENDER": "F", "DOB": "2100-01-01 00:00:00"},
            {"ROW_ID": "2", "SUBJECT_ID": "9", "GENDER": "M", "DOB": "2180-05-06 00:00:00"},
        ],
        "ADMISSIONS": [
            {"ROW_ID": "1", "SUBJECT_ID": "7", "HADM_ID": "72", "ADMITTIME": "2151-06-01 10:00:00"},
            {"ROW_ID": "2", "SUBJECT_ID": "7", "HADM_ID": "71", "ADMITTIME": "2150-01-01 00:00:00"},
            {"ROW_ID": "3", "SUBJECT_ID": "9", "HADM_ID": "90", "ADMITTIME": "2180-05-06 20:15:00"},
        ],
        "DIAGNOSES_ICD": [
            {"ROW_ID": "1", "SUBJECT_ID": "7", "HADM_ID": "72", "SEQ_NUM": "2", "ICD9_CODE": "0389"},
            {"ROW_ID": "2", "SUBJECT_ID": "7", "HADM_ID": "72", "SEQ_NUM": "1", "ICD9_CODE": "99592"},
            {"ROW_ID": "3", "SUBJECT_ID": "7", "HADM_ID": "71", "SEQ_NUM": "1", "ICD9_CODE": "4019"},
            {"ROW_ID": "4", "SUBJECT_ID": "9", "HADM_ID": "90", "SEQ_NUM": "1", "ICD9_CODE": "V3000"},
        ],
    }


def many(copies: int = 100) -> Tables:
    """`small`, copied under new ids, so that one bad row is a small share."""
    tables = small()
    for name, rows in tables.items():
        ids = [key for key in ("SUBJECT_ID", "HADM_ID") if key in rows[0]]
        tables[name] = [{**row, **{key: f"{row[key]}{n:04d}" for key in ids}} for n in range(copies) for row in rows]
    return tables


def write(folder: Path, tables: Tables, suffix: str = ".csv", case=str.upper) -> Path:
    for name, rows in tables.items():
        text = pd.DataFrame(rows).rename(columns=case).to_csv(index=False).encode()
        (folder / f"{name}{suffix}").write_bytes(gzip.compress(text) if suffix.endswith("gz") else text)
    return folder
