"""Parquet files, ours or anybody's: whatever is wrong with one is one error, and what pandas noted in it is not heeded.

The notes of pandas about its own types are no part of the data, and a byte of them that is off ends in a KeyError.
"""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet


class ParquetError(ValueError):
    """A file that is not readable as parquet; the message says why, the caller which and what to do."""


def column_names(path: Path) -> list[str]:
    """The names of the columns.

    Raises:
        ParquetError: If the file cannot be read.
    """
    try:
        return list(parquet.read_schema(path).names)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ParquetError(_why(error)) from None


def read_columns(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """All columns, or those named, which must be there; nothing of the path becomes one.

    Raises:
        ParquetError: If the file cannot be read, or lacks a column.
    """
    try:
        with parquet.ParquetFile(path) as file:
            table = file.read(None if columns is None else list(columns))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ParquetError(_why(error)) from None
    if missing := [name for name in columns or () if name not in table.column_names]:
        raise ParquetError(f"no column {', '.join(missing)}")
    return table.replace_schema_metadata(None)


def _why(error: Exception) -> str:
    return f"not readable as parquet ({' '.join(str(error).split())})"
