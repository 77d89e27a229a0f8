from pathlib import Path

import pandas as pd
import pytest

from ehrgen.core.parquet import ParquetError, column_names, read_columns


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A table in a folder whose name pyarrow would take for another column."""
    (tmp_path / "run=3").mkdir()
    pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}).to_parquet(tmp_path / "run=3/t.parquet", index=False)
    return tmp_path / "run=3/t.parquet"


def test_all_columns_or_those_named(path: Path):
    assert column_names(path) == ["a", "b"]
    assert read_columns(path).to_pandas().to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}
    assert read_columns(path, ["b"]).column_names == ["b"]
    with pytest.raises(ParquetError, match="no column c"):
        read_columns(path, ["a", "c"])


def test_the_notes_of_pandas_may_be_damaged(path: Path):
    """pd.read_parquet ends in `KeyError: 'numpy_type'`."""
    content = path.read_bytes()
    assert b"numpy_type" in content
    path.write_bytes(content.replace(b"numpy_type", b"numpy_typf"))
    assert read_columns(path).to_pandas().to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}


@pytest.mark.parametrize("damage", [lambda data: data[:-5], lambda data: b"", lambda data: b"x" * len(data)])
def test_what_is_no_parquet_is_one_error(path: Path, damage):
    path.write_bytes(damage(path.read_bytes()))
    for read in (column_names, read_columns):
        with pytest.raises(ParquetError, match="not readable as parquet") as error:
            read(path)
        assert "\n" not in str(error.value)
    path.unlink()
    with pytest.raises(ParquetError, match="No such file"):
        read_columns(path)
