"""The campaign of faults judges right: what it counts as a defect is one, and its faults do damage."""

import os
import random
import signal
import sys
from pathlib import Path
from types import ModuleType

import pytest

import pipeline
from faults import damage, kills, stages
from faults.project import Project, Stage
from faults.readers import HARMFUL, HARMLESS, RANDOM
from faults.stages import Ended
from faults.tally import BY_DVC, MUTE, ONE_LINE, SURVIVED, TRACEBACK, WRONG, Fault, fatal

STAGE = Stage("made_up", (), (Path("data/in.json"),), (Path("data/out.json"),))


@pytest.mark.parametrize(
    ("status", "printed", "manner"),
    [
        (0, "fine\n", "done"),
        (1, "error: a: b\n", "one line"),
        (130, "stopped; run again\n", "one line"),
        (1, "", "mute"),
        (1, "error: a\nerror: b\n", "mute"),
        (1, f"error: {'x' * 3000}\n", "mute"),
        (1, "Traceback (most recent call last):\n  x\nKeyError: 1\n", "traceback"),
        (-signal.SIGKILL, "", "killed"),
        (-signal.SIGINT, "Traceback (most recent call last):\n site.py\nKeyboardInterrupt\n", "killed"),
        (1, "Fatal Python error\nTraceback (most recent call last):\n os.py\nKeyboardInterrupt\n", "killed"),
        (-signal.SIGINT, "Traceback (most recent call last):\n x/pipeline/a.py\nKeyboardInterrupt\n", "traceback"),
    ],
)
def test_how_a_process_ended(status: int, printed: str, manner: str):
    assert Ended(status, printed, 1.0).manner == manner


def test_what_fails_the_campaign():
    faults = [Fault("g", "w", outcome) for outcome in (SURVIVED, ONE_LINE, BY_DVC, TRACEBACK, MUTE, WRONG)]
    assert [fault.outcome for fault in fatal(faults)] == [TRACEBACK, MUTE, WRONG]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A finished project of one stage, which copies a file; its code is what a test makes of `made_up`."""
    folder = tmp_path / "finished"
    for name in ("data", "models", "samples", "likelihoods", "reports", ".store", "ehrgen", "pipeline"):
        (folder / name).mkdir(parents=True)
    for name in ("params.yaml", "resolved.yaml", "dvc.lock"):
        (folder / name).write_text("a: 1\n")
    for name in ("in", "out"):
        (folder / f"data/{name}.json").write_text('{"a": [1, 2]}')
    (folder / "data/other.json").write_text("{}")
    module = ModuleType("pipeline.made_up")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(pipeline, "made_up", module, raising=False)
    return Project(folder, {"made_up": STAGE})


def be(main) -> None:
    sys.modules["pipeline.made_up"].main = main


def careless() -> None:
    """Takes what there is, and writes it in place."""
    text = Path("data/in.json").read_bytes() if Path("data/in.json").is_file() else b""
    with open("data/out.json", "wb") as file:
        file.write(text)


def careful() -> None:
    """Writes under another name, and what it knows to be right."""
    Path("data/.out.json.tmp").write_text('{"a": [1, 2]}')
    os.replace("data/.out.json.tmp", "data/out.json")


@pytest.mark.slow
def test_a_careless_stage_is_found_out(project: Project, tmp_path: Path):
    be(careless)
    for unnamed, unseen in ((lambda *_: [], {BY_DVC}), (lambda *_: [Path("data/in.json")], set())):
        found = list(damage.damaged(project, tmp_path / "work", random.Random(0), unnamed))
        assert {fault.outcome for fault in found} == {WRONG, *unseen}


@pytest.mark.slow
def test_a_careful_stage_survives(project: Project, tmp_path: Path):
    be(careful)
    found = list(damage.damaged(project, tmp_path / "work", random.Random(0)))
    found += kills.at_operations(project, tmp_path / "work")
    assert {fault.outcome for fault in found} == {SURVIVED}
    assert any(fault.what == "made_up: 3 of 3" for fault in found), "that of `keep`, an open for writing, and a rename"


def test_a_stage_that_is_killed_half_way_is_found_out(project: Project, tmp_path: Path):
    def half() -> None:
        Path("data/out.json").write_text("{")
        os.replace("data/other.json", "data/another.json")
        careful()

    be(half)
    outcomes = [fault.outcome for fault in kills.at_operations(project, tmp_path / "work")]
    assert outcomes == [SURVIVED, SURVIVED, WRONG, WRONG, WRONG]


def test_a_defect_is_told_from_a_refusal(project: Project, tmp_path: Path):
    def defect() -> None:
        raise KeyError("made up")

    be(defect)
    ended = stages.run(project.copy(tmp_path / "work"), STAGE)
    assert ended.manner == "traceback" and "made up" in ended.printed
    be(lambda: sys.exit(3))
    assert stages.run(project.copy(tmp_path / "work"), STAGE).manner == "mute"


def test_faults_change_what_they_are_done_to():
    table = b"SUBJECT_ID,HADM_ID,CODE\n" + b"".join(b"%d,%d,0%d\n" % (n, n + 50, n + 300) for n in range(20))
    ways = [*HARMLESS.values(), *HARMFUL["long"]["long"].values(), *RANDOM.values()]
    assert all(change(table, random.Random(0)) != table for change in ways)
