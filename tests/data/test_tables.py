import gzip

import pandas as pd
import pytest

from ehrgen.data.readers.quality import ReaderError
from ehrgen.data.readers.tables import Table, read_bytes


def table_of(folder, content: str | bytes, name: str = "T.csv") -> Table:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return Table.read(folder, "T", ("code", "when"))


def test_text_stays_text_and_only_the_wanted_columns_are_read(tmp_path):
    table = table_of(tmp_path, 'note,CODE,When\n"a, ""b""\nc",0389, x \n,"4019",NULL\n')
    assert table.rows.to_dict("list") == {"code": ["0389", "4019"], "when": ["x", ""]}
    assert table.where("code") == f"{tmp_path}/T.csv: column code"


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffcode,when\n0389,x\n",
        "when,code\r\nx,0389\r\n",
        "code,when\n0389,x",
        "code,when\n\n0389,x\n\n",
        b"code,when,note\n0389,x,caf\xe9\n",
        gzip.compress(b"code,when\n0389,x\n"),
    ],
    ids=["byte order mark", "Windows lines", "no last newline", "blank lines", "latin-1 free text", "gzip"],
)
def test_forms_a_file_may_come_in(tmp_path, content):
    assert table_of(tmp_path, content).rows.to_dict("list") == {"code": ["0389"], "when": ["x"]}


@pytest.mark.parametrize("others", [["t.CSV.gz"], ["t.csv"], ["t.csv", "T.csv.gz"]])
def test_two_files_for_one_table_are_refused_whatever_their_order(tmp_path, others):
    for name in others:
        (tmp_path / name).write_bytes(b"code,when\n1,x\n")
    names = ", ".join(sorted(["T.csv", *others]))
    with pytest.raises(ReaderError, match=f"{len(others) + 1} files for one table, {names}; leave the one that counts"):
        table_of(tmp_path, "code,when\n2,x\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "column code is missing, the header has no name"),
        ("a,b\n1,2\n", "column code is missing, the header has a, b; take the published table"),
        ("code;when\n1;2\n", "one column, code;when: separated by semicolons, not by commas; export it with commas"),
        ("code\twhen\n1\t2\n", "one column, code when: separated by tabs, not by commas; export it with commas"),
        ("code,when\n1,2\n".encode("utf-16"), "UTF-16 text; save it as UTF-8"),
        ("code,when\n1,2\n".encode("utf-16-le"), "UTF-16 text; save it as UTF-8"),
        ("code,when,CODE\n1,2,3\n", "column code is there more than once, the header has code, when, code"),
        (",".join(f"column_{n}" for n in range(1000)), "the header has column_0, .{60,75}[.]{3}; take"),
        ("code,when\n", "no rows below the header"),
        ("code,when\n1,2\n1,2,3\n1\n", "<11 rows have more or fewer fields"),
        (b"\x1f\x8b\x08junk", "damaged gzip file"),
    ],
)
def test_a_table_that_cannot_be_read_is_one_line_without_its_content(tmp_path, content, message):
    with pytest.raises(ReaderError, match=message) as error:
        table_of(tmp_path, content)
    assert "T.csv" in str(error.value) and "\n" not in str(error.value)


def test_integers_by_hand(tmp_path):
    table = table_of(tmp_path, "code,when\n7,x\n-8.0,x\n 09 ,1.5\n")
    assert table.integers("code").tolist() == [7, -8, 9]
    with pytest.raises(ReaderError, match="column when: <11 of <11 values are no whole numbers"):
        table.integers("when")


def test_dates_by_hand(tmp_path):
    table = table_of(tmp_path, "code,when\n2101-10-20 19:08:00,2101-10-20\n1801-01-01T00:00,today\n")
    assert table.dates("code").tolist() == [pd.Timestamp("2101-10-20 19:08:00"), pd.Timestamp("1801-01-01")]
    with pytest.raises(ReaderError, match="column when: <11 of <11 values are unreadable dates; write them as 2101-"):
        table.dates("when")


def test_read_bytes_unpacks_by_content_not_by_name(tmp_path):
    (tmp_path / "packed.txt").write_bytes(gzip.compress(b"text"))
    (tmp_path / "plain.gz").write_bytes(b"text")
    assert read_bytes(tmp_path / "packed.txt") == read_bytes(tmp_path / "plain.gz") == b"text"
