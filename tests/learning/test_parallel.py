"""Two processes, started as a user would start them, against one: the same trainings, samples and errors."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from ehrgen.learning.machine import launcher, processes
from ehrgen.learning.machine.processes import ProcessError
from tests.support import two_processes
from tests.support.sandbox import ROOT

pytestmark = pytest.mark.slow


def started(*command: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "EHRGEN_PROCESSES": "2", "OMP_NUM_THREADS": "1"}
    line = [sys.executable, "-m", *command]
    return subprocess.run(line, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("one")
    two_processes.results(folder)
    return folder


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    done = started("tests.support.two_processes", str(folder))
    assert done.returncode == 0, done.stderr
    epochs = [line for line in done.stdout.splitlines() if line.startswith("epoch ")]
    assert len(epochs) == 11  # of all trainings: one process speaks
    return folder


def history(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize(
    ("name", "close"), [("default", 1e-5), ("measured", 2e-5), ("opposed", 2e-5), ("gathered", 2e-5), ("half", 1e-3)]
)
def test_the_same_loss_trajectory_at_the_same_global_batch(name: str, close: float, one: Path, two: Path):
    ours, wanted = (history(folder / name / "history") for folder in (two, one))
    assert len(ours) == len(wanted) > 0
    for row, other in zip(ours, wanted, strict=True):
        for column, text in other.items():
            if column == "objective" or not text:
                assert row[column] == text
            elif name != "half" or not column.startswith("accuracy"):  # of which one head more or less is a percent
                least = 1e-4 if name == "half" else 1e-6  # a cosine of two gradients can be near 0
                assert float(row[column]) == pytest.approx(float(text), rel=close, abs=least), column


@pytest.mark.parametrize("name", ["default", "measured", "opposed", "gathered"])
def test_the_same_weights(name: str, one: Path, two: Path):
    """But for rounding: steps are of 1e-2. The bias of attention's keys has no gradient, so that alone moves it."""
    ours, wanted = (load_file(folder / name / "model" / "model.safetensors") for folder in (two, one))
    assert ours.keys() == wanted.keys()
    for key, tensor in wanted.items():
        assert_close(ours[key], tensor, rtol=1e-5, atol=1e-3 if key.endswith("k_proj.bias") else 5e-5)


@pytest.mark.parametrize("name", [*two_processes.SAMPLES, "likelihood"])
def test_the_same_samples_and_likelihoods_to_the_last_byte(name: str, one: Path, two: Path):
    assert (two / f"{name}.csv").read_text(encoding="utf-8") == (one / f"{name}.csv").read_text(encoding="utf-8")


def test_a_stopped_training_goes_on_as_if_it_had_not_and_all_processes_have_its_weights(one: Path, two: Path):
    for folder, count in ((one, 1), (two, 2)):
        whole, resumed = map(json.loads, (folder / "resumed.json").read_text(encoding="utf-8").splitlines())
        assert whole == resumed == [whole[0]] * count


def test_the_manifest_says_how_many_there_were(one: Path, two: Path):
    for folder, count in ((one, None), (two, 2)):
        machine = json.loads((folder / "default" / "manifest").read_text(encoding="utf-8"))["machine"]
        assert machine.get("processes") == count


@pytest.mark.parametrize(
    ("way", "line"), [("both", "error: both"), ("killed", "error: process 1 of 2 was ended by signal 9")]
)
def test_a_failure_ends_all_with_one_line(way: str, line: str):
    done = started("tests.support.abandoned", way)
    assert (done.returncode, done.stderr.splitlines()) == (1, [line])


@pytest.mark.parametrize("text", ["two", "0", "-1", ""])
def test_a_number_of_processes_that_is_none(text: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("EHRGEN_PROCESSES", text)
    with pytest.raises(ProcessError, match=f"EHRGEN_PROCESSES={text}: expected how many processes"):
        launcher.each("stage", lambda: None)()


def test_alone_nothing_changes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("EHRGEN_PROCESSES", raising=False)
    called = []
    launcher.each("stage", lambda: called.append(processes.first()))()
    assert called == [True]
    with pytest.raises(ProcessError, match="as it is"):
        launcher.each("stage", fail)()


def fail() -> None:
    raise ProcessError("as it is")


def test_several_asked_for_and_one_started(monkeypatch: pytest.MonkeyPatch):
    """What `accelerate launch --cpu --num_processes 2` does."""
    for name, value in (("ACCELERATE_MIXED_PRECISION", "no"), ("MASTER_ADDR", "127.0.0.1")):
        monkeypatch.setenv(name, value)
    with pytest.raises(ProcessError, match="starts one process, whatever --num_processes says; use --multi_gpu"):
        processes.join("cpu")


def test_more_processes_than_gpus(monkeypatch: pytest.MonkeyPatch):
    for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"):
        monkeypatch.setenv(name, str(torch.cuda.device_count() + 2))
    with pytest.raises(ProcessError, match=r"\d+ processes for \d+ GPUs here; start one a GPU"):
        processes.join("cuda")
