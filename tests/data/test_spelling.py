"""Columns of codes as programs leave them; the shares of intact ones are those of the files in ../shared/data."""

from pathlib import Path

import pandas as pd
import pytest

from ehrgen.data.icd9.codebook import long_titles
from ehrgen.data.readers import mimic3, nhds
from ehrgen.data.readers.quality import Quality, ReaderError
from ehrgen.data.readers.spelling import check_codes, usable_codes

SHARED = Path(__file__).parents[3] / "shared" / "data"
INTACT = pd.Series(sorted(long_titles())[::7] * 3, dtype="str")  # 2,082 billable codes, three times each
DIGITS = INTACT[INTACT.str.fullmatch("[0-9]+")]

COMMON = pd.Series(["4019", "41401", "42731", "25000", "5849", "2724", "51881", "0389", "99592", "V4582"], dtype="str")


def odd(codes: pd.Series) -> str:
    """The message that stops the reader."""
    with pytest.raises(ReaderError) as error:
        check_codes(codes, "T.csv: column code")
    assert str(error.value).startswith("T.csv: column code: ") and "\n" not in str(error.value)
    return str(error.value)


def mixed(changed: pd.Series, share: float) -> pd.Series:
    """`changed` in a share of the rows, the intact codes in the others."""
    return INTACT.where(INTACT.index >= share * len(INTACT), changed.reindex(INTACT.index, fill_value="4019"))


def test_intact_codes_pass():
    check_codes(INTACT, "")
    check_codes(INTACT[:0], "")


@pytest.mark.parametrize("share", [1, 0.3])
@pytest.mark.parametrize(
    ("way", "message"),
    [
        (lambda codes: codes.str.lstrip("0"), "seem to have lost a leading zero"),
        (lambda codes: codes.str.ljust(5, "0"), "seem to be padded with zeros"),
        (lambda codes: codes.str.ljust(4, "0"), "seem to be padded with zeros"),
        (lambda codes: codes.str.zfill(5), "seem to be padded with zeros"),
        (lambda codes: codes.str.zfill(4), "seem to be padded with zeros"),
        (lambda codes: "E" + codes.str[:3], "are of no ICD-9-CM category"),
    ],
)
def test_another_spelling_stops_the_reader_even_in_a_part_of_the_column(way, message, share):
    spelt = way(DIGITS)
    codes = spelt if share == 1 else mixed(spelt.reindex(INTACT.index).fillna(INTACT), share)
    codes = codes[codes.str.len() > 2]
    assert message in odd(codes)


@pytest.mark.parametrize("length", [3, 4])
def test_cut_codes_stop_the_reader(length: int):
    assert "are categories or cut codes, which nobody can bill, more than the 25%" in odd(
        COMMON.repeat(50).str[:length]
    )


def test_icd10_that_looks_like_icd9_stops_the_reader():
    codes = pd.Series(["E1065", "E119", "E785"] + ["4019"] * 17, dtype="str")
    assert "<11 of 20 values are of no ICD-9-CM category, more than the 1%" in odd(codes)


def test_a_single_odd_code_is_chance():
    for code in ("4102", "40190", "04019"):
        check_codes(pd.Series([code, "0389", "4019", "25000"], dtype="str"), "")
    check_codes(pd.Series(["401", "250"] * 5 + ["0389"], dtype="str"), "")  # ten categories, as our own tables may hold


def test_codes_that_were_billable_until_2011_have_lost_nothing():
    check_codes(pd.Series(["1733", "1734", "631"] * 9 + ["0389"] * 99, dtype="str"), "")


def test_empty_codes_are_counted_and_many_stop_the_reader():
    raw = pd.Series(["4019", "0389"] * 9 + ["", "25000"], dtype="str")
    quality = Quality("mimic3")
    assert usable_codes(raw, raw, "T.csv", quality).sum() == 19 and quality.dropped["diagnoses without a code"] == 1
    half = raw.where(raw.index > 9, "")
    with pytest.raises(ReaderError, match="11 of 20 values are empty, more than the 10%"):
        usable_codes(half, half, "T.csv", Quality("mimic3"))


@pytest.mark.slow
@pytest.mark.parametrize("source", ["mimic3-demo", "nhds2010"])
def test_what_is_measured_of_intact_files(source: str):
    """No unknown code, no padded one, 1 to 3 % retired ones; the readers take them."""
    if not (SHARED / source).exists():
        pytest.skip(f"{SHARED / source} is absent")
    reader, path = (mimic3, "") if source == "mimic3-demo" else (nhds, "NHDS10.PU.txt.gz")
    cohort, quality = reader.read(SHARED / source / path)
    quality.describe(cohort)
    unknown, retired = (quality.kept[f"diagnoses with a {what}"] for what in KEPT)
    assert unknown == 0 and 0.005 < retired / len(cohort.diagnoses) < 0.03 and not quality.warnings


KEPT = ("code absent from the ICD-9-CM hierarchy", "retired or category-level code")
