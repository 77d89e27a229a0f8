import json
from pathlib import Path

import pytest

from ehrgen.findings.page.inputs import PORTRAIT as PARTS
from ehrgen.findings.page.inputs import SourceError, load, load_portrait
from ehrgen.metrics import portrait
from tests.support.page_inputs import PORTRAIT, sources


def test_a_portrait_is_read_as_written(tmp_path: Path):
    portrait.save(PORTRAIT, tmp_path / "0.json")
    assert load_portrait(tmp_path / "0.json") == PORTRAIT


@pytest.mark.parametrize("part", PARTS)
def test_a_missing_part_is_named(part: str, tmp_path: Path):
    (tmp_path / "0.json").write_text(json.dumps({name: {} for name in PARTS if name != part}))
    with pytest.raises(SourceError, match=rf"0\.json: {part} missing; remove it and run `dvc repro`"):
        load_portrait(tmp_path / "0.json")


@pytest.mark.parametrize(("text", "message"), [("{", "cannot be read"), ("[]", "expected a mapping, found list")])
def test_a_broken_file_is_named(text: str, message: str, tmp_path: Path):
    (tmp_path / "findings.json").write_text(text)
    with pytest.raises(SourceError, match=message):
        load(tmp_path / "findings.json")
    with pytest.raises(SourceError, match="absent"):
        load(tmp_path / "absent.json")


def test_colours_are_one_an_objective():
    assert sources().series == {"lm": 1, "age": 2, "sex": 3, "cooccur": 4}
