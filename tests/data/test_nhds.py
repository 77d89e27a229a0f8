import gzip
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehrgen.data.cohort import Cohort, CohortError
from ehrgen.data.readers import nhds
from ehrgen.data.readers.quality import ReaderError

ROOT = Path(__file__).parents[2]
REAL = ROOT.parent / "shared" / "data" / "nhds2010" / "NHDS10.PU.txt.gz"
CODES = ("0389", "00845", "4019", "V3000", "E8497", "V270", "5849", "486")


def record(codes: list[str], sex: str = "2", age: str = "50", unit: str = "1") -> str:
    """One line of the survey, fields of no interest filled with 1."""
    fields = "".join(code.ljust(5, "-") for code in codes).ljust(75, "-")
    return "112" + unit + age.rjust(2) + sex + "1" * 20 + fields + "1" * 48


def write(folder: Path, records: list[str], end: str = "\n") -> Path:
    path = folder / "discharges.txt"
    path.write_bytes("".join(line + end for line in records).encode())
    return path


def test_record_follows_the_layout():
    line = record(["4019", "V3000"], sex="1", age="7", unit="3")
    assert len(line) == 150
    assert (line[3], line[4:6], line[6], line[27:37], line[37:102]) == (
        "3",
        " 7",
        "1",
        "4019-V3000",
        "-" * 65,
    )


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_by_hand(tmp_path, end, packed):
    path = write(
        tmp_path,
        [
            record(["V270", "0389"]),
            record(["V3000"], sex="1", age="3", unit="3"),
            record(["486", "4019"], age="6", unit="2"),
            record(["4019"], age="93"),
        ],
        end,
    )
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    cohort, quality = nhds.read(path)
    assert cohort.patients["patient_id"].tolist() == [0, 1, 2, 3]
    assert cohort.patients["sex"].tolist() == ["F", "M", "F", "F"]
    assert cohort.patients["age_years"].tolist() == pytest.approx([50, 3 / 365.2425, 0.5, 90])
    assert cohort.diagnoses["code"].tolist() == ["V270", "0389", "V3000", "486", "4019", "4019"]
    assert cohort.diagnoses["visit"].max() == 0
    assert quality.repaired["ages over 89, published as 90"] == 1
    assert not any(quality.dropped.values())


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (record(["4019"], sex="3"), "discharges with a sex other than 1 or 2"),
        (record(["4019"], unit="9"), "discharges with an unreadable age"),
        (record(["4019"], age="x"), "discharges with an unreadable age"),
        (record(["4019"], age=""), "discharges with an unreadable age"),
        (record(["4019"], age="-1"), "discharges with an unreadable age"),
        (record([]), "discharges without a diagnosis"),
        (record(["     "]), "discharges without a diagnosis"),
        (record(["I10"]), "diagnoses with a text that is no ICD-9-CM code"),
    ],
)
def test_few_bad_records_are_dropped_and_counted_and_ids_stay_those_of_the_records(tmp_path, line, reason):
    cohort, quality = nhds.read(write(tmp_path, [line, *[record(["4019"])] * 100]))
    assert quality.dropped[reason] == 1
    assert cohort.patients["patient_id"].tolist() == list(range(1, 101))


def test_repeated_codes_are_counted_once(tmp_path):
    cohort, quality = nhds.read(write(tmp_path, [record(["4019", "486", "4019", "-----", "0389"])]))
    assert cohort.diagnoses["code"].tolist() == ["4019", "486", "0389"]
    assert quality.dropped["diagnoses that repeat a code of the discharge"] == 1


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "no records"),
        ([record(["4019"])[:88]], "the 1 lines are not records of one length of 102"),
        ([record(["4019"]), record(["4019"])[:-1]], "the 2 lines are not records of one length"),
        (["subject_id,hadm_id", "1,2", "3"], "the 3 lines are not records"),
        ([record(["é"])], "not plain ASCII"),
        (
            [record(["4019"], sex="3")] * 2 + [record(["4019"])],
            r"columns 6 \(from 0\): <11 of <11 .* no sexes",
        ),
        ([record(["4019"], unit="7"), record(["4019"])], r"columns 3-5 \(from 0\): <11 of <11 .* no ages"),
        ([record(["I10"]), record(["4019"])], r"columns 27-101 \(from 0\): <11 of <11 .* no ICD-9-CM codes"),
        ([record([])], r"columns 27-101 \(from 0\): <11 of <11 values hold no diagnosis"),
    ],
)
def test_a_file_that_cannot_be_trusted_stops_the_reader(tmp_path, lines, message):
    with pytest.raises(ReaderError, match=message):
        nhds.read(write(tmp_path, lines))


def test_a_missing_or_damaged_file_stops_the_reader(tmp_path):
    with pytest.raises(ReaderError, match="No such file"):
        nhds.read(tmp_path / "absent.txt")
    with pytest.raises(ReaderError, match="Is a directory"):
        nhds.read(tmp_path)
    path = tmp_path / "damaged.gz"
    path.write_bytes(gzip.compress(record(["4019"]).encode())[:30])
    with pytest.raises(ReaderError, match="damaged gzip"):
        nhds.read(path)


@settings(deadline=None, max_examples=20)
@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(CODES), min_size=1, max_size=8, unique=True),
            st.sampled_from("12"),
            st.integers(0, 89),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_a_written_cohort_is_read_back(discharges):
    lines = [record(codes, sex, str(age)) for codes, sex, age in discharges]
    with tempfile.TemporaryDirectory() as folder:
        found, _ = nhds.read(write(Path(folder), lines))
    rows = [(n, 0, place, code) for n, (codes, _, _) in enumerate(discharges) for place, code in enumerate(codes)]
    patients = [(n, nhds.SEX_OF[sex], age, "unassigned") for n, (_, sex, age) in enumerate(discharges)]
    expected = Cohort.from_rows(
        pd.DataFrame(patients, columns=["patient_id", "sex", "age_years", "split"]),
        pd.DataFrame(rows, columns=["patient_id", "visit", "position", "code"]),
    )
    pd.testing.assert_frame_equal(found.patients, expected.patients)
    pd.testing.assert_frame_equal(found.diagnoses, expected.diagnoses)


@settings(deadline=None, max_examples=40)
@given(
    start=st.integers(0, 320),
    length=st.integers(0, 12),
    junk=st.binary(max_size=12),
    same_length=st.booleans(),
)
def test_junk_bytes_give_a_cohort_or_one_line(start, length, junk, same_length):
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), [record(["4019", "V270"]), record(["0389"], sex="1")])
        content = path.read_bytes()
        path.write_bytes(content[:start] + junk + content[start + (len(junk) if same_length else length) :])
        try:
            cohort, quality = nhds.read(path)
            quality.describe(cohort)
        except (ReaderError, CohortError) as error:
            assert "\n" not in str(error) and str(error).isprintable()


@pytest.mark.slow
def test_the_survey_of_2010_has_its_published_counts():
    if not REAL.exists():
        pytest.skip(f"{REAL} is absent")
    cohort, quality = nhds.read(REAL)
    assert len(cohort) == 151_551
    repeats = quality.dropped["diagnoses that repeat a code of the discharge"]
    assert len(cohort.diagnoses) + repeats == 1_105_849 and 0 < repeats < 11
    assert cohort.diagnoses["code"].nunique() == 8_083
    assert cohort.patients["sex"].value_counts().to_dict() == {"F": 87_948, "M": 63_603}
    length = cohort.diagnoses.groupby("patient_id").size()
    assert (length.min(), length.max()) == (1, 15) and length.mean() == pytest.approx(7.30, abs=0.005)
    newborns = cohort.diagnoses["code"].str.match("V3[0-79]").to_numpy()
    ages = cohort.patients["age_years"].to_numpy()[cohort.diagnoses["patient_id"].to_numpy()[newborns]]
    assert np.mean(ages < 1) > 0.99
