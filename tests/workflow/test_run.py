"""Runs of the whole, with real DVC, on a pipeline that makes its results up."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.sandbox import ROOT, environment

pytestmark = [pytest.mark.dvc, pytest.mark.slow]

DVC = """\
stages:
  resolve: {cmd: python stage.py first, deps: [stage.py, p.yaml], outs: [data/first]}
  preprocess: {cmd: python stage.py second, deps: [data/first], outs: [data/second]}
  cooccurrence: {cmd: python stage.py third, deps: [data/second], outs: [data/third]}
  train:
    matrix: {variant: [a, b], seed: [0]}
    cmd: python stage.py ${item.variant}
    deps: [data/third]
    outs: ["data/model_${item.variant}"]
  evaluate:
    matrix: {variant: [a, b], seed: [0]}
    cmd: python stage.py measured_${item.variant}
    deps: ["data/model_${item.variant}"]
    outs:
      - data/measured_${item.variant}
      - reports/runs/${item.variant}/0.json: {cache: false}
  compare: {cmd: python stage.py table, deps: [data/measured_a, data/measured_b], outs: [data/table]}
"""
STAGE = """\
import json, pathlib, sys, time, yaml
name, asked = sys.argv[1], yaml.safe_load(open("p.yaml")) or {}
print("this is", name)
if name == asked.get("fails"):
    sys.exit("error: made up: 3 of 4; mend it")
if name == asked.get("breaks"):
    raise KeyError("breaks")
time.sleep(60 if name == asked.get("sleeps") else 0)
out = pathlib.Path("data", name if name not in "ab" else f"model_{name}")
out.parent.mkdir(exist_ok=True)
out.write_text(str(asked.get("value")) if name == "first" else "same" + open("data/first").read())
if name.startswith("measured"):
    run = pathlib.Path("reports/runs", name[-1], "0.json")
    run.parent.mkdir(parents=True, exist_ok=True)
    run.write_text(json.dumps({"metrics": {"unigram_r2": 0.5}, "not_judged": {}, "patients": 9}))
"""
RUN = "import sys; from ehrgen.workflow.schedule import execute; from ehrgen.workflow.mend import mend\n"
RUN += "from ehrgen.core.command import run\n"
RUN += "run(lambda: (print(*mend()), execute(2, lambda trainings: {('a', 0)})))"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    for name, text in (("dvc.yaml", DVC), ("stage.py", STAGE), ("p.yaml", "value: 1\n"), ("params.yaml", "{}\n")):
        (folder / name).write_text(text)
    (folder / ".gitignore").write_text("/data\n")
    for command in (["git", "init", "-q"], ["dvc", "init", "-q"], ["dvc", "config", "core.autostage", "true"]):
        subprocess.run(command, cwd=folder, env=environment(folder), check=True)
    return folder


def start(folder: Path) -> subprocess.Popen:
    """A run in a process, as `make repro` starts one."""
    command, own = [sys.executable, "-c", RUN], environment(folder) | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, cwd=folder, env=own, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def output(folder: Path, status: int = 0) -> list[str]:
    running = start(folder)
    printed = running.communicate(timeout=300)[0]
    assert running.returncode == status, printed
    return [" ".join(line.split()) for line in printed.splitlines() if line.strip()]


def test_a_run_says_what_it_does_and_then_that_nothing_is_left(project: Path):
    said = output(project)
    assert said[:4] == ["resolve ...", "this is first", "preprocess ...", "this is second"]
    assert said[6].startswith("5 of 8 stages to run, 2 of them trainings (1 in the store already): about ")
    cells = [line for line in said if " unigram_r2 0.5 " in line]
    assert sorted(line[:3] for line in cells) == ["a 0", "b 0"] and "2 of 2, the reports are left" in cells[1]
    assert said[-3:-1] == ["compare ...", "this is table"] and said[-1].startswith("done in ")
    assert output(project) == ["nothing to run: all 8 stages are up to date"]


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("fails: b", "error: train@b-0: made up: 3 of 4; mend it"),
        ("fails: second", "error: preprocess: made up: 3 of 4; mend it"),
        (
            "breaks: table",
            "error: compare: a defect of the program: KeyError: 'breaks'; the whole is in .dvc/tmp/repro/",
        ),
    ],
)
def test_a_run_says_why_it_stops(project: Path, what: str, told: str):
    (project / "p.yaml").write_text(f"value: 1\n{what}\n")
    assert output(project, status=1)[-1].startswith(told)


def test_what_dvc_refuses_is_told_in_its_words(project: Path):
    (project / "dvc.yaml").write_text(DVC.replace("  compare: {cmd", "  compare: {comd"))
    assert "'./dvc.yaml' validation failed" in output(project, status=1)[-1]
    (project / "dvc.yaml").write_text(DVC.replace("  compare:", "\tcompare:"))
    assert output(project, status=1) == [
        f"error: dvc.yaml: line {DVC[: DVC.index('  compare')].count(chr(10)) + 1} is indented with a tab; use blanks"
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_leaves_a_lock_that_dvc_reads_and_goes_on_there(project: Path, number: signal.Signals):
    (project / "p.yaml").write_text("sleeps: b\n")
    running = start(project)
    while not (project / "data/measured_a").exists():
        time.sleep(0.2)
        assert running.poll() is None
    running.send_signal(number)
    printed = running.communicate(timeout=60)[0]
    assert running.returncode == 130 and "stopped; the same command goes on where it was" in printed
    assert "evaluate@a-0" in (project / "dvc.lock").read_text()
    (project / "p.yaml").write_text("{}\n")
    said = output(project)
    assert said[-1].startswith("done in ") and not any(line.startswith("a 0") for line in said if "measured" in line)


def test_a_lock_that_a_killed_dvc_left_is_mended(project: Path):
    output(project)
    whole = (project / "dvc.lock").read_text()
    for left in ("", whole[:300]):
        (project / "dvc.lock").write_text(left)
        said = output(project)
        assert "dvc.lock was cut off" in said[0] and "is back in its place, and what is newer runs again" in said[0]
        assert json.dumps(said).count("stages are up to date") + json.dumps(said).count("done in") == 1
    os.remove(project / ".dvc/tmp/dvc.lock.kept")
    (project / "dvc.lock").write_text("")
    assert "there is no copy: it is now dvc.lock.damaged, and all stages run again" in output(project)[0]
    (project / "dvc.lock").write_text(f"<<<<<<< HEAD\n{whole}")
    assert output(project, status=1) == [
        "error: dvc.lock: line 1 is a mark of a merge conflict; choose a side, then run again"
    ]
