import time

import pytest

from ehrgen.scoring.progress import Progress


def test_every_step_is_told_with_what_is_left(capsys, monkeypatch):
    clock = iter([0.0, 10.0, 10.0, 100.0, 160.0, 160.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    progress = Progress({"first": 1.0, "second": 6.0}, 100)
    for name in ("first", "second"):
        with progress.step(name):
            pass
    assert capsys.readouterr().err.splitlines() == [
        "2 steps, about 1.7 min on one core of a usual machine",
        "[1/2] first: 10 s, about 60 s left",
        "[2/2] second: 60 s",
    ]


def test_a_step_that_was_not_announced_is_a_defect():
    with pytest.raises(KeyError), Progress({"first": 1.0}, 1).step("other"):
        pass
