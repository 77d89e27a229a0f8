import pandas as pd

from ehrgen.data.icd9 import codes
from ehrgen.data.icd9.equivalents import as_icd9


def equivalents(*icd10: str) -> list[tuple[int, str]]:
    found = as_icd9(pd.Series(icd10, index=range(10, 10 + len(icd10))))
    return list(found.itertuples(index=False, name=None))


def test_one_code_for_one():
    assert equivalents("E1065", "E1122") == [(10, "25081"), (11, "25040")]


def test_of_alternatives_the_unspecified_one():
    assert equivalents("I10") == [(10, "4019")], "not malignant hypertension, which the mappings list first"


def test_several_together():
    assert equivalents("T360X1A", "I10") == [(10, "9600"), (10, "E856"), (11, "4019")]


def test_what_has_no_equivalent_has_no_row():
    assert equivalents("R402130", "U071", "", "I10") == [(13, "4019")]


def test_every_equivalent_is_a_billable_code():
    found = as_icd9(pd.Series(["A021", "B20", "C50911", "E119", "I2510", "J189", "N179", "O80", "V4352XA", "Z3800"]))
    assert codes.billable(found["code"]).all()
    assert found["row"].nunique() == 10
