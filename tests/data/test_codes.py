import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehrgen.data.icd9 import codebook
from ehrgen.data.icd9 import codes as icd9

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"
HIERARCHY = SHARED / "icd9cm" / "icd9_hierarchy.csv"
EDITS = SHARED / "mce" / "mce_icd9_age_sex_edits.csv"

MIXED = ["4019", "0389", "V3000", "E8497", "486", "2765", "99999", "000", "V99"]


@pytest.fixture(scope="module")
def billable() -> np.ndarray:
    return np.array(sorted(codebook.long_titles()), dtype=object)


@pytest.fixture(scope="module")
def hierarchy() -> pd.DataFrame:
    if not HIERARCHY.exists():
        pytest.skip(f"{HIERARCHY} is absent")
    return pd.read_csv(HIERARCHY, dtype=str, keep_default_na=False)


@pytest.mark.parametrize("function", ["is_code", "category", "chapter", "known", "billable", "titles"])
@pytest.mark.parametrize("form", [list, np.array, pd.Series, lambda codes: np.array(codes, dtype=object)])
def test_takes_codes_in_any_container_and_keeps_their_order(function, form):
    found = getattr(icd9, function)(form(MIXED + MIXED[::-1]))
    one_by_one = [getattr(icd9, function)([code])[0] for code in MIXED + MIXED[::-1]]
    assert isinstance(found, np.ndarray)
    assert found.tolist() == one_by_one


@pytest.mark.parametrize("function", ["is_code", "category", "chapter", "known", "billable", "titles"])
def test_no_codes_give_no_answers(function):
    assert len(getattr(icd9, function)([])) == 0


def test_normalise_strips_dots_and_blanks_and_raises_case():
    codes = pd.Series([" 401.9 ", "v30.00", "e849.7", "0389", "486\t", "", None], index=range(7, 14), name="icd9_code")
    clean = icd9.normalise(codes)
    assert clean.tolist()[:6] == ["4019", "V3000", "E8497", "0389", "486", ""]
    assert pd.isna(clean.iloc[6])
    assert clean.index.tolist() == list(range(7, 14)) and clean.name == "icd9_code"


@given(st.lists(st.text()))
def test_normalise_twice_is_normalise_once(texts):
    once = icd9.normalise(pd.Series(texts, dtype="str"))
    assert icd9.normalise(once).tolist() == once.tolist()


def test_is_code_by_hand():
    texts = ["401", "4019", "40190", "V30", "V3000", "E849", "E8497", "E84970"]
    assert icd9.is_code(texts).all()
    texts = [
        "",
        None,
        "40",
        "401900",
        "V3",
        "E84",
        "I10",
        "401.9",
        " 401",
        "4019\n",
        "v30",
        "４０１",
        "-----",
    ]
    assert not icd9.is_code(pd.Series(texts, dtype="str")).any()


def test_chapter_refuses_what_is_no_code():
    with pytest.raises(icd9.CodeError, match="2 of 3 texts"):
        icd9.chapter(["4019", "x", "x"])


def test_every_billable_code_has_form_title_category_and_chapter(billable):
    assert len(billable) == 14_567
    assert icd9.is_code(billable).all() and icd9.known(billable).all() and icd9.billable(billable).all()
    assert set(icd9.category(billable)) <= set(codebook.headings())
    assert set(icd9.chapter(billable)) == set(range(len(codebook.CHAPTERS))) == set(range(19))
    assert all(icd9.titles(billable))


def test_titles_by_hand():
    assert icd9.title("V270") == "Outcome of delivery, single liveborn"
    assert icd9.title("38600") == "Ménière's disease, unspecified"  # the file is latin-1
    assert icd9.title("585") == "Chronic kidney disease (ckd)"  # retired when it was divided
    assert icd9.title("E84999").endswith(", category E849")
    assert icd9.title("") == icd9.title("I10") == icd9.title("V9999") == icd9.UNKNOWN == "Unknown code"


def test_known_by_hand():
    assert icd9.known(["4019", "401", "585", "27699", "E8497"]).all()
    assert not icd9.known(["000", "V99", "4", "", "276999"]).any()
    assert not icd9.billable(["401", "585", "27699", "V99", ""]).any()


def test_edits_by_hand():
    demands = icd9.edits(["V270", "60000", "7503", "7793", "V200", "V2385", "4019", "E8497"])
    assert demands["sex_required"].tolist() == ["F", "M", "", "", "", "F", "", ""]
    ages = demands[["age_min", "age_max"]].to_numpy().tolist()
    # V23.85 is under the maternity edit (12-55) and the adult edit (15-124).
    assert ages == [[12, 55], [15, 124], [0, 124], [0, 0], [0, 17], [15, 55], [0, 124], [0, 124]]


def test_edits_have_one_row_a_code_and_the_flags_their_columns():
    assert list(icd9.edit_flags(MIXED).columns) == list(codebook.EDITS)
    assert len(icd9.edits(MIXED)) == len(icd9.edit_flags(MIXED)) == len(MIXED)
    assert len(icd9.edits([])) == 0


def test_edits_equal_the_published_ones_code_by_code(hierarchy):
    if not EDITS.exists():
        pytest.skip(f"{EDITS} is absent")
    with open(EDITS, encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if "32" in row["versions"].split()]
    codes = hierarchy.loc[hierarchy["billable"] == "1", "code"]
    assert len(codes) == 14_567
    flags = icd9.edit_flags(codes)
    for edit in codebook.EDITS:
        published = {row["icd9_code"] for row in rows if row["edit"] == f"{edit.capitalize()}_Only"}
        assert set(codes[flags[edit].to_numpy()]) == published, edit
    counts = {"female": 1556, "male": 154, "newborn": 287, "pediatric": 32, "maternity": 1166, "adult": 135}
    assert flags.sum().to_dict() == counts


def test_categories_and_chapters_equal_the_hierarchy(hierarchy):
    headings = hierarchy[hierarchy["kind"].isin(["category", "subcategory"])]
    assert set(codebook.headings()) == set(headings["code"])
    nodes = hierarchy[hierarchy["kind"].isin(["category", "subcategory", "code"])]
    assert (icd9.category(nodes["code"]) == nodes["category"].to_numpy(dtype=str)).all()
    spans = np.array([f"{chapter.first}-{chapter.last}" for chapter in codebook.CHAPTERS])
    assert (spans[icd9.chapter(nodes["code"])] == nodes["chapter"].to_numpy(dtype=str)).all()
    assert icd9.known(nodes["code"]).all()


def test_long_titles_equal_the_hierarchy(hierarchy):
    leaves = hierarchy[hierarchy["billable"] == "1"]
    same = icd9.titles(leaves["code"]) == leaves["long"].to_numpy(dtype=object)
    assert same.mean() > 0.99  # letters such as é were lost from that table
