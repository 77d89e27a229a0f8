import json
from pathlib import Path

import pytest

from ehrgen.core import checksums
from ehrgen.core.checksums import DamagedError


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.json").write_text("{}")
    (tmp_path / "deep" / "b.bin").write_bytes(b"1234")
    checksums.seal(tmp_path, "key")
    return tmp_path


def test_what_was_sealed_is_whole(sealed: Path):
    checksums.verify(sealed, "key")
    content = json.loads((sealed / checksums.NAME).read_text())
    assert content["of"] == "key" and set(content["files"]) == {"a.json", "deep/b.bin"}
    assert content["files"]["deep/b.bin"] == "03ac674216f3e15c761ee1a5e255f067953623c8b388b4459e13f978d7c846f4"


def flip(path: Path) -> None:
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: flip(folder / "deep/b.bin"), "deep/b.bin is not what was written"),
        (lambda folder: (folder / "deep/b.bin").write_bytes(b""), "deep/b.bin is not what was written"),
        (lambda folder: (folder / "a.json").unlink(), "a.json is missing"),
        (lambda folder: (folder / checksums.NAME).unlink(), "checksums.json is missing"),
        (lambda folder: (folder / checksums.NAME).write_text("{"), "checksums.json cannot be read"),
        (lambda folder: (folder / checksums.NAME).write_text("[]"), "checksums.json cannot be read"),
        (lambda folder: checksums.seal(folder, "another"), "it is of another"),
    ],
)
def test_damage_is_named(sealed: Path, damage, message: str):
    damage(sealed)
    with pytest.raises(DamagedError, match=message):
        checksums.verify(sealed, "key")
