"""One comma-separated table, plain or gzipped, read as text; and what its columns must hold to be used.

A parser that guesses types turns the code 0389 into the number 389, so nothing is converted unasked.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pandas as pd
import pyarrow as pa
from pyarrow import compute as pc
from pyarrow import csv as arrow_csv

from ehrgen.data.disclosure import shown
from ehrgen.data.readers.quality import ReaderError, refuse

EMPTY = ("", "NULL", "NONE", "NA", "NAN", "\\N")
DATE = r"\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)?"
GZIP_MAGIC = b"\x1f\x8b"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
LONGEST_QUOTE = 80  # characters of a file that a message repeats
LONGEST_LINE = 1_000_000


@dataclass(frozen=True)
class Table:
    """The wanted columns of a file, under their lower-case names: text without outer blanks, empty as ''."""

    path: Path
    rows: pd.DataFrame

    @classmethod
    def read(
        cls, place: Path | Sequence[Path], name: str, columns: tuple[str, ...], at_will: tuple[str, ...] = ()
    ) -> Self:
        """The table `name`.csv or `name`.csv.gz of a folder or among named files, names and header in any case.

        Args:
            columns: What it must have.
            at_will: What is read too where it is there.

        Raises:
            ReaderError: If it is missing, there twice, damaged, without rows or without one of the columns.
        """
        return cls.at(find_table(place, name), columns, at_will)

    @classmethod
    def at(cls, path: Path, columns: tuple[str, ...], at_will: tuple[str, ...] = ()) -> Self:
        """The table in one file, as `read`."""
        content = _as_utf8(read_bytes(path))
        header = _header(path, content)
        for column in columns:
            if header.count(column) != 1:
                fault = "missing" if column not in header else "there more than once"
                seen = quoted(", ".join(header)) or "no name"
                raise ReaderError(
                    f"{path}: column {column} is {fault}, the header has {seen}; take the published table"
                )
        wanted = [*columns, *(column for column in at_will if header.count(column) == 1)]
        rows = _parse(path, content, [header.index(column) for column in wanted])
        if len(rows) == 0:
            raise ReaderError(f"{path}: no rows below the header; take the complete table")
        return cls(path, rows.set_axis(wanted, axis=1))

    def where(self, column: str) -> str:
        """The place as error messages name it."""
        return f"{self.path}: column {column}"

    def integers(self, column: str) -> pd.Series:
        """The column as whole numbers.

        Raises:
            ReaderError: If a value is empty or no whole number.
        """
        text = self.rows[column].str.replace(r"\.0*$", "", regex=True)
        good = text.str.fullmatch(r"-?[0-9]{1,18}")
        refuse(
            int((~good).sum()),
            len(text),
            self.where(column),
            "are no whole numbers",
            "export the table again",
        )
        return text.astype("int64")

    def dates(self, column: str) -> pd.Series:
        """The column as points in time; years 1800 or 2200 are what MIMIC-III's shifted dates look like.

        Raises:
            ReaderError: If a value is empty or not written year-month-day.
        """
        text = self.rows[column]
        good = text.str.fullmatch(DATE)
        dates = pd.to_datetime(text.where(good, None), format="ISO8601", errors="coerce").astype("datetime64[s]")
        refuse(
            int(dates.isna().sum()),
            len(text),
            self.where(column),
            "are unreadable dates",
            "write them as 2101-10-20 19:08:00",
        )
        return dates


def has_table(place: Path | Sequence[Path], name: str) -> bool:
    """Whether `name`.csv or `name`.csv.gz lies in a folder or is among named files, its name in any case."""
    return bool(_tables_named(place, name))


def read_bytes(path: Path) -> bytes:
    """The content of a file, unpacked if it is gzipped, whatever its name says.

    Raises:
        ReaderError: If there is no such file, it cannot be read or unpacked, or it is UTF-16.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ReaderError(f"{path}: {error.strerror or 'cannot be read'}; set cohort.files") from None
    try:
        content = gzip.decompress(content) if content[:2] == GZIP_MAGIC else content
    except (OSError, EOFError, zlib.error):
        raise ReaderError(f"{path}: damaged gzip file; copy it again") from None
    return _not_utf16(path, content)


def _not_utf16(path: Path, content: bytes) -> bytes:
    if content[:2] in UTF16_MARKS or content[1:2] == b"\0":
        raise ReaderError(f"{path}: UTF-16 text; save it as UTF-8")
    return content


def find_table(place: Path | Sequence[Path], name: str) -> Path:
    """Where `name`.csv or `name`.csv.gz lies in a folder or among named files, in any case.

    Raises:
        ReaderError: If none is there, or several, as nobody could say which one counts.
    """
    found = _tables_named(place, name)
    if not found:
        where = str(place) if isinstance(place, Path) else ", ".join(map(str, place))
        raise ReaderError(f"{where}: {name}.csv or {name}.csv.gz is missing; name it in cohort.files")
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise ReaderError(f"{found[0].parent}: {len(found)} files for one table, {names}; leave the one that counts")
    return found[0]


def _tables_named(place: Path | Sequence[Path], name: str) -> list[Path]:
    wanted = (f"{name}.csv".lower(), f"{name}.csv.gz".lower())
    files = place if not isinstance(place, Path) else list(place.iterdir()) if place.is_dir() else []
    return sorted(path for path in files if path.name.lower() in wanted)


def header_of(path: Path) -> list[str]:
    """The lower-case names in the first line of a table, of which no more is read.

    Raises:
        ReaderError: If the file cannot be read, or its first line is no header.
    """
    return _header(path, _as_utf8(first_line(path)))


def first_line(path: Path) -> bytes:
    """The first line of a file, unpacked if it is gzipped.

    Raises:
        ReaderError: As `read_bytes`.
    """
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == GZIP_MAGIC
        with gzip.open(path) if packed else open(path, "rb") as file:
            return _not_utf16(path, file.readline(LONGEST_LINE))
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise ReaderError(f"{path}: damaged gzip file; copy it again") from None
    except OSError as error:
        raise ReaderError(f"{path}: {error.strerror or 'cannot be read'}; set cohort.files") from None


def _as_utf8(content: bytes) -> bytes:
    """The content with bytes that are not UTF-8 replaced: they come in free text, which is not read."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("utf-8", errors="replace").encode("utf-8")
    return content


def _header(path: Path, content: bytes) -> list[str]:
    first_line = content[: content.find(b"\n") + 1 or None]
    try:
        names = next(csv.reader(io.StringIO(first_line.decode("utf-8-sig"), newline="")), [])
    except csv.Error:
        raise ReaderError(f"{path}: line 1 is no header; expected comma-separated text") from None
    header = [name.strip().lower() for name in names]
    separators = [named for separator, named in SEPARATORS.items() if len(header) == 1 and separator in header[0]]
    if separators:
        seen = f"one column, {quoted(header[0])}: separated by {separators[0]}, not by commas"
        raise ReaderError(f"{path}: {seen}; export it with commas")
    return header


def quoted(text: str) -> str:
    """Something of a file as a message may repeat it: printable, and not too long."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return printable if len(printable) <= LONGEST_QUOTE else f"{printable[:LONGEST_QUOTE]}..."


def _parse(path: Path, content: bytes, positions: list[int]) -> pd.DataFrame:
    ragged: list[int] = []
    names = [f"f{position}" for position in positions]

    def skip(row: arrow_csv.InvalidRow) -> str:
        ragged.append(row.actual_columns)
        return "skip"

    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(content),
            read_options=arrow_csv.ReadOptions(autogenerate_column_names=True, skip_rows=0),
            parse_options=arrow_csv.ParseOptions(invalid_row_handler=skip, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=names,
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        raise ReaderError(f"{path}: not comma-separated text; export the table again") from None
    if ragged:
        raise ReaderError(
            f"{path}: {shown(len(ragged))} rows have more or fewer fields than the header; export it again"
        )
    trimmed = {name: pc.utf8_trim_whitespace(table[name].slice(1)) for name in names}
    empty = pa.array(EMPTY)
    cleaned = {name: pc.if_else(pc.is_in(pc.utf8_upper(column), empty), "", column) for name, column in trimmed.items()}
    return pd.DataFrame({name: pd.Series(column.to_pandas(), dtype="str") for name, column in cleaned.items()})
