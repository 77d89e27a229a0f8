from pathlib import Path

import pytest

from ehrgen.core.files import FileError
from ehrgen.core.records import Record, read_record


class Made(Record):
    count: int
    values: dict[str, float]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "should be a mapping"),
        ('{"count": 1}', "values: Field required"),
        ('{"count": 1.5, "values": {}}', "count: Input should be a valid integer"),
        ('{"count": true, "values": {}}', "count: Input should be a valid integer"),
        ('{"count": 1, "values": {"a": NaN}}', "values.a: Input should be a finite number"),
        ('{"count": 1, "values": {"a": "1"}}', "values.a: Input should be a valid number"),
    ],
)
def test_another_shape_is_one_line_with_place_and_remedy(text: str, message: str, tmp_path: Path):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(FileError) as error:
        read_record(tmp_path / "a.json", Made, "mend it")
    said = str(error.value)
    assert said.startswith(f"{tmp_path}/a.json: {message}") and said.endswith("; mend it") and "\n" not in said


def test_what_has_the_shape_comes_back_as_it_stands(tmp_path: Path):
    (tmp_path / "a.json").write_text('{"count": 1, "values": {"a": 2}, "more": null}')
    assert read_record(tmp_path / "a.json", Made) == {"count": 1, "values": {"a": 2}, "more": None}
