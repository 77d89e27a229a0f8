from pathlib import Path

import pytest
import yaml

from benchmarks import pipeline
from benchmarks.usage import Usage
from tests.support.sandbox import ROOT, Sandbox

pytestmark = [pytest.mark.dvc, pytest.mark.filterwarnings("ignore:_NoneStep:DeprecationWarning")]  # DVC's own
TWO_STAGES = """\
stages:
  second:
    cmd: cp first second
    deps: [first]
    outs: [second]
  first:
    cmd: cp given first
    deps: [given]
    outs: [first]
"""


def two_stages(folder: Path) -> Sandbox:
    """A project of its own, in place of a copy of this one."""
    folder.mkdir(parents=True)
    (folder / "given").write_text("content")
    (folder / "dvc.yaml").write_text(TWO_STAGES)
    sandbox = Sandbox(folder)
    sandbox.run("git", "init", "--quiet")
    sandbox.dvc("init", "--quiet")
    sandbox.commit("start")
    return sandbox


def test_the_commands_are_those_of_all_stages_in_an_order_that_runs(tmp_path: Path):
    words = pipeline.commands(Sandbox.make(tmp_path / "ehrgen").folder)
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    cells = 2  # of tests/support/tiny.yaml
    assert len(words) == sum(cells if "matrix" in stage else 1 for stage in stages.values())
    assert all(one[:2] == ["python", "-m"] for one in words)
    run = [one[2].removeprefix("pipeline.") for one in words]
    assert set(run) == set(stages) and run.index("ingest") < run.index("preprocess") < run.index("train")


def test_by_hand_and_by_dvc_the_same_files_are_made(tmp_path: Path):
    hand, dvc = two_stages(tmp_path / "hand" / "project"), two_stages(tmp_path / "dvc" / "project")
    assert pipeline.commands(hand.folder) == [["cp", "given", "first"], ["cp", "first", "second"]]
    alone, through = pipeline.by_hand(hand), pipeline.by_dvc(dvc)
    assert (hand.folder / "second").read_text() == (dvc.folder / "second").read_text() == "content"
    assert 0 < alone.cpu < through.cpu and dvc.dvc("status") == "Data and pipelines are up to date.\n"


def test_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pipeline.Sandbox, "make", two_stages)
    monkeypatch.setattr(pipeline, "REPEATS", 1)
    table, stages = pipeline.measured(1)
    ways = [f"all 2 stages by {way}" for way in ("hand", "dvc repro")]
    assert stages == 2
    assert list(table) == [*ways, "overhead a stage", "dvc repro, nothing to do", "dvc status"]
    hand, dvc = (table[way] for way in ways)
    assert table["overhead a stage"]["seconds"] == pytest.approx((dvc["seconds"] - hand["seconds"]) / 2)


def test_overhead_is_taken_round_by_round():
    through = [Usage(30.0, 20.0, 1.0), Usage(60.0, 22.0, 1.0), Usage(35.0, 24.0, 1.0)]
    alone = [Usage(20.0, 18.0, 1.0), Usage(50.0, 18.0, 1.0), Usage(15.0, 18.0, 1.0)]
    assert pipeline.overhead(through, alone, 10) == pytest.approx({"seconds": 1, "least": 1, "most": 2, "cpu": 0.4})
