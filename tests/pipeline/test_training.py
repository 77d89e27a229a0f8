"""Stages under a real DVC: a checkpoint is a dependency, an orphan replaces nothing, a failure no report."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from tests.support.sandbox import Sandbox, environment
from tests.support.training import bart_checkpoint

pytestmark = pytest.mark.dvc
STAGE = "train@multitask-0"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """A tiny clone in which everything before the trainings has run."""
    sandbox = Sandbox.make(tmp_path_factory.mktemp("training") / "ehrgen")
    sandbox.dvc("repro", "preprocess", "cooccurrence")
    return sandbox


def change(sandbox: Sandbox, key: str, value: Any) -> None:
    """The base's `key` in params.yaml becomes `value`."""
    path = sandbox.folder / "params.yaml"
    text, times = re.subn(rf"^(  {key}:).*$", rf"\1 {value}", path.read_text(), count=1, flags=re.MULTILINE)
    assert times == 1
    path.write_text(text)


def manifest(sandbox: Sandbox) -> dict[str, Any]:
    return json.loads((sandbox.folder / "reports/manifests/multitask/0.json").read_text())


def begun(sandbox: Sandbox) -> subprocess.Popen[str]:
    """`dvc repro` of the training, running beside the test."""
    return subprocess.Popen(
        ["dvc", "repro", STAGE],
        cwd=sandbox.folder,
        env=environment(sandbox.folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def until(holds: Callable[[], bool], what: str, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def test_an_ingest_that_fails_leaves_the_last_quality_report(prepared: Sandbox):
    report = prepared.folder / "reports/quality.json"
    before = report.read_bytes()
    (prepared.folder / "table.csv").write_text("a,b\n1,2\n")
    params = prepared.folder / "params.yaml"
    kept = params.read_text()
    change(prepared, "source", "long")
    params.write_text(params.read_text().replace("- ehrgen/data/simulation/simulator.npz", "- table.csv"))
    printed = prepared.dvc("repro", "ingest", check=False)
    assert "error: table.csv: no column for patient, visit, code; " in printed
    assert report.read_bytes() == before
    params.write_text(kept)
    prepared.dvc("repro", "preprocess", "cooccurrence")
    assert report.read_bytes() == before


def test_an_edit_of_the_checkpoint_trains_again_and_a_file_beside_it_does_not(prepared: Sandbox):
    """Case 08, stale: DVC and the store both answered with the model of other weights."""
    folder = prepared.folder.parent / "bart"
    bart_checkpoint(folder, positions=200)
    change(prepared, "pretrained", folder)
    prepared.dvc("repro", STAGE)
    first = manifest(prepared)
    (folder / "README.md").write_text("notes")
    assert f"Running stage '{STAGE}'" not in prepared.dvc("repro", STAGE)
    bart_checkpoint(folder, positions=200, seed=4)
    printed = prepared.dvc("repro", STAGE)
    assert f"Running stage '{STAGE}'" in printed and "already trained" not in printed
    second = manifest(prepared)
    assert second["key"] != first["key"]
    assert second["pretrained"]["model.safetensors"] != first["pretrained"]["model.safetensors"]
    change(prepared, "pretrained", "null")


def test_a_training_whose_dvc_was_killed_replaces_no_newer_one_and_is_not_lost(prepared: Sandbox):
    """It sleeps while a newer run ends, and wakes up to find that nobody waits for it."""
    change(prepared, "epochs", 3)
    store = prepared.folder / ".store"
    before = set(store.glob("*"))
    dvc = begun(prepared)
    until(lambda: any((new / "checkpoint").exists() for new in set(store.glob("*")) - before), "no checkpoint came")
    (training,) = [
        child for child in psutil.Process(dvc.pid).children(recursive=True) if "pipeline.train" in child.cmdline()
    ]
    training.send_signal(signal.SIGSTOP)
    (kept,) = set(store.glob("*")) - before
    dvc.kill()
    dvc.wait()  # else DVC takes the killed one, a zombie, for alive, and its lock for held
    resolved = prepared.folder / "resolved.yaml"
    asked = resolved.read_text()
    change(prepared, "epochs", 2)
    prepared.dvc("repro", STAGE)
    newer = manifest(prepared)
    assert newer["train"]["epochs"] == 2
    change(prepared, "epochs", 3)  # as it was when the sleeper began: only its DVC is missing
    resolved.write_text(asked)
    training.send_signal(signal.SIGCONT)
    until(lambda: not training.is_running() or training.status() == psutil.STATUS_ZOMBIE, "the orphan goes on")
    assert manifest(prepared) == newer
    assert dvc.stdout is not None
    with dvc.stdout:
        assert f"{STAGE}: DVC, which started it, is gone; " in dvc.stdout.read()
    assert (kept / "result" / "checksums.json").exists()
    assert f"already trained as {kept.name}; taken from the store" in prepared.dvc("repro", STAGE)
    assert manifest(prepared)["key"] == kept.name


def test_code_that_changes_during_a_training_does_not_get_its_result(prepared: Sandbox):
    """DVC hashes the code after the stage, and would take the old code's model for the new code's."""
    change(prepared, "learning_rate", 0.004)
    edited = prepared.folder / "ehrgen/learning/training/optimizer.py"
    store = prepared.folder / ".store"
    before = set(store.glob("*"))
    dvc = begun(prepared)
    until(lambda: bool(set(store.glob("*")) - before), "no training began")
    edited.write_text(edited.read_text() + "# an edit\n")
    printed, _ = dvc.communicate()
    assert dvc.returncode != 0 and "parameters, data or code changed during the training" in printed
    assert os.listdir(prepared.folder / "models/multitask") == []
