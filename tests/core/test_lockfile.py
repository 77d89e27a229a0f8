import fcntl
from pathlib import Path

import pytest

from ehrgen.core.lockfile import HELD, KEPT, LOCK, keep

WHOLE = "schema: '2.0'\nstages:\n  a:\n    cmd: b\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    HELD.parent.mkdir(parents=True)
    LOCK.write_text(WHOLE)
    return tmp_path


def test_a_whole_lock_is_kept_and_nothing_else_stays(project: Path):
    keep()
    assert KEPT.read_text() == WHOLE
    assert {path.name for path in KEPT.parent.iterdir()} == {KEPT.name, HELD.name}


@pytest.mark.parametrize("text", ["", WHOLE[:-1], WHOLE[:20], f"<<<<<<< HEAD\n{WHOLE}", WHOLE + "\tb: c\n", "junk\n"])
def test_what_dvc_cannot_read_does_not_replace_what_it_can(project: Path, text: str):
    keep()
    LOCK.write_text(text)
    keep()
    assert KEPT.read_text() == WHOLE


def test_nothing_is_copied_while_dvc_may_write(project: Path):
    with HELD.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        keep()
    assert not KEPT.exists()
    keep()
    assert KEPT.exists()


def test_outside_of_a_project_nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    keep()
    assert list(tmp_path.iterdir()) == []
