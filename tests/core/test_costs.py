"""What a stage says of its costs."""

import json
import time
from pathlib import Path

import pytest

from ehrgen.core import costs
from ehrgen.core.command import run


def work(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(costs.RECORD, "")  # so that it is taken back
    costs.begin(tmp_path / "made" / "costs.jsonl")
    return tmp_path / "made" / "costs.jsonl"


def test_a_part_within_another_is_charged_once(record: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DVC_STAGE", "train@a-0")

    def main() -> None:
        with costs.part("outer"):
            work(0.02)
            with costs.part("inner"):
                work(0.05)
        with costs.part("inner"):
            work(0.05)

    run(main)
    (line,) = map(json.loads, record.read_text(encoding="utf-8").splitlines())
    assert line["stage"] == "train@a-0"
    assert line["parts"]["inner"] == pytest.approx(0.1, abs=0.015)
    assert line["parts"]["outer"] == pytest.approx(0.02, abs=0.01)
    assert line["cpu"] >= line["loading"] + 0.12 - 0.05  # the system counts in hundredths
    assert line["seconds"] >= 0.12 and line["below"] >= 0


def test_stages_add_a_line_each_and_one_that_fails_none(record: Path):
    run(lambda: None)
    with pytest.raises(SystemExit):
        run(failing)
    run(lambda: None)
    assert len(record.read_text(encoding="utf-8").splitlines()) == 2


def failing() -> None:
    raise MemoryError


def test_nothing_is_written_where_nobody_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(costs.RECORD, raising=False)
    monkeypatch.chdir(tmp_path)
    run(lambda: None)
    assert list(tmp_path.iterdir()) == []
