import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ehrgen.core.checksums import DamagedError
from ehrgen.core.files import store_root
from ehrgen.data.sequences import cooccurrence
from ehrgen.data.sequences.sequences import Sequences
from ehrgen.learning.model.prompt_bart import PromptBart
from ehrgen.learning.training import store
from ehrgen.learning.training.loop import Learner, TrainingError
from ehrgen.learning.training.store import OutdatedError, StoredTraining
from tests.support.cohorts import cohort
from tests.support.sandbox import ROOT
from tests.support.sequences import sequences_of, tiny
from tests.support.training import RESUMED, here, matrices, recipe, same, weights


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of its own for every test."""
    monkeypatch.setenv("EHRGEN_STORE", str(tmp_path / "store"))
    return tmp_path / "store"


def forbid_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(store, "train", refuse)


@pytest.mark.slow
def test_a_configuration_trains_once(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    trained = store.train_once("key", recipe(epochs=1), tiny(), matrices(), here())
    assert {path.name for path in trained.folder.iterdir()} == {"model", "history", "manifest", "checksums.json"}
    assert {path.name for path in trained.folder.parent.iterdir()} == {"result", "lock"}
    forbid_training(monkeypatch)
    capsys.readouterr()
    again = store.train_once("key", recipe(epochs=1), tiny(), matrices(), here())
    assert again == trained == StoredTraining(root / "key" / "result", "key")
    assert capsys.readouterr().out == "already trained as key; taken from the store\n"


@pytest.mark.slow
def test_what_is_published_is_a_copy(tmp_path: Path):
    trained = store.train_once("key", recipe(epochs=1), tiny(), matrices(), here())
    targets = {name: tmp_path / "out" / name / "0" for name in ("model", "history", "manifest")}
    trained.publish("key", **targets)
    published = PromptBart.load(targets["model"])
    assert same(weights(published), weights(PromptBart.load(trained.folder / "model")))
    assert targets["history"].read_text().startswith("epoch,objective,value,")
    manifest = json.loads(targets["manifest"].read_text())
    assert manifest["steps"] > 0
    assert manifest["key"] == "key" and manifest["train"]["epochs"] == 1 and manifest["machine"]["threads"] == 1
    assert manifest["parameters"]["all"] == sum(p.numel() for p in published.parameters())
    targets["history"].write_text("gone")
    trained.publish("key", history=targets["history"])
    assert targets["history"].read_text() != "gone"


@pytest.mark.slow
def test_a_failed_training_is_not_in_the_store(root: Path):
    with pytest.raises(TrainingError):
        store.train_once("key", recipe(learning_rate=1e3), tiny(), matrices(), here())
    assert not (root / "key" / "result").exists()


@pytest.mark.slow
def test_a_killed_process_goes_on_where_it_was(root: Path, capsys: pytest.CaptureFixture):
    """Killed without warning in its second epoch; the next process ends with the weights of one never stopped."""
    settings = recipe(**RESUMED)
    learner = Learner(settings, tiny(), matrices(), here())
    within_second_epoch = learner.steps_per_epoch + 1
    assert within_second_epoch < 2 * learner.steps_per_epoch
    killed = subprocess.run(
        [sys.executable, "-m", "tests.support.training", str(within_second_epoch)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (root / "killed" / "checkpoint").exists() and not (root / "killed" / "result").exists()

    capsys.readouterr()
    resumed = store.train_once("killed", settings, tiny(), matrices(), here())
    epochs = [line.split(":")[0] for line in capsys.readouterr().out.splitlines() if line.startswith("epoch")]
    assert epochs == ["epoch 2", "epoch 3"]
    whole = store.train_once("whole", settings, tiny(), matrices(), here())
    assert same(weights(PromptBart.load(resumed.folder / "model")), weights(PromptBart.load(whole.folder / "model")))
    assert (resumed.folder / "history").read_text() == (whole.folder / "history").read_text()
    assert not (root / "killed" / "checkpoint").exists()


DAMAGE = {
    "a flipped byte": lambda folder: flip(folder / "model" / "model.safetensors"),
    "cut short": lambda folder: (folder / "model" / "model.safetensors").write_bytes(b""),
    "a model of nothing": lambda folder: shutil.rmtree(folder / "model"),
    "a history cut short": lambda folder: cut(folder / "history"),
    "an edited manifest": lambda folder: (folder / "manifest").write_text("{}"),
    "unsealed": lambda folder: (folder / "checksums.json").unlink(),
}


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one training, `key`."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EHRGEN_STORE", str(folder))
        store.train_once("key", recipe(epochs=1), tiny(), matrices(), here())
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_training_is_dropped_with_a_line_and_trained_again(
    how: str, finished: Path, root: Path, capsys: pytest.CaptureFixture
):
    shutil.copytree(finished, root)
    DAMAGE[how](root / "key" / "result")
    again = store.train_once("key", recipe(epochs=1), tiny(), matrices(), here())
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "damaged" in line]
    assert line.startswith("the stored training key is damaged: ") and line.endswith(
        "; it is dropped and trained again"
    )
    kept, anew = (PromptBart.load(folder / "key" / "result" / "model") for folder in (finished, root))
    assert same(weights(anew), weights(kept)) and again.exists()


@pytest.mark.slow
def test_what_another_key_trained_is_no_substitute(finished: Path, root: Path, capsys: pytest.CaptureFixture):
    shutil.copytree(finished / "key", root / "other")
    store.train_once("other", recipe(seed=1, epochs=1), tiny(), matrices(), here())
    assert "the stored training other is damaged: it is of key; it is dropped" in capsys.readouterr().out


def test_what_is_damaged_after_training_is_not_published(finished: Path, root: Path, tmp_path: Path):
    shutil.copytree(finished, root)
    trained = StoredTraining(root / "key" / "result", "key")
    flip(trained.folder / "model" / "model.safetensors")
    with pytest.raises(DamagedError, match=r"model/model\.safetensors is not what was written"):
        trained.publish("key", model=tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_what_is_no_longer_wanted_is_kept_and_not_published(finished: Path, tmp_path: Path):
    """Of code or data that were edited during the training, DVC would hash the new state."""
    trained = StoredTraining(finished / "key" / "result", "key")
    with pytest.raises(OutdatedError, match="changed during the training key: it is kept in the store and not publish"):
        trained.publish("another", model=tmp_path / "model")
    assert trained.exists() and not (tmp_path / "model").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "weighting.json", "history.json"])
def test_a_damaged_checkpoint_is_said_and_started_over(name: str, root: Path, capsys: pytest.CaptureFixture):
    settings = recipe(epochs=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Learner, "validation_nll", failing_in(2, Learner.validation_nll))
        with pytest.raises(KeyboardInterrupt):
            store.train_once("key", settings, tiny(), matrices(), here())
    flip(root / "key" / "checkpoint" / name)
    capsys.readouterr()
    trained = store.train_once("key", settings, tiny(), matrices(), here())
    said = capsys.readouterr().out.splitlines()
    damaged = f"the checkpoint of training key is damaged: {name} is not what was written; the training starts over"
    assert said[0] == damaged
    assert [line.split(":")[0] for line in said if line.startswith("epoch")] == ["epoch 1", "epoch 2"]
    whole = store.train_once("whole", settings, tiny(), matrices(), here())
    assert same(weights(PromptBart.load(trained.folder / "model")), weights(PromptBart.load(whole.folder / "model")))


def failing_in(epoch: int, measure: Callable) -> Callable:
    """Ctrl-C in the middle of an epoch, after the checkpoint of the one before."""
    calls = itertools.count(1)

    def stopped(learner: Learner) -> float:
        if next(calls) == epoch:
            raise KeyboardInterrupt
        return measure(learner)

    return stopped


def test_a_lock_makes_others_wait_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture):
    order = []

    def other() -> None:
        with store.locked(tmp_path / "key"):
            order.append("other")

    with store.locked(tmp_path / "key"):
        thread = threading.Thread(target=other)
        thread.start()
        deadline = time.monotonic() + 60
        while "waiting" not in (said := capsys.readouterr().out) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert said == "waiting: another process is training key\n"
        order.append("first")
    thread.join()
    assert order == ["first", "other"]


def saved(sequences: Sequences, folder: Path) -> tuple[Path, Path]:
    sequences.save(folder / "sequences")
    cooccurrence.save(cooccurrence.count(sequences), folder / "cooccurrence.npz")
    (folder / "code").mkdir(exist_ok=True)
    (folder / "code" / "model.py").write_text("x = 1\n")
    return folder / "sequences", folder / "cooccurrence.npz"


def test_the_key_names_all_that_decides_the_result(tmp_path: Path):
    inputs, code = saved(sequences_of(cohort([["4019 486"]])), tmp_path), [tmp_path / "code"]
    key = store.key(recipe(), inputs, code)
    assert key == store.key(recipe(), inputs, code) and len(key) == 32

    others = [store.key(recipe(**change), inputs, code) for change in ({"seed": 1}, {"lm": 2}, {"dropout": 0.2})]
    (tmp_path / "code" / "notes.txt").write_text("no code")
    (tmp_path / "code" / "__pycache__").mkdir()
    (tmp_path / "code" / "__pycache__" / "model.py").write_text("no source")
    assert store.key(recipe(), inputs, code) == key
    (tmp_path / "code" / "model.py").write_text("x = 2\n")
    others.append(store.key(recipe(), inputs, code))
    (tmp_path / "code" / "model.py").write_text("x = 1\n")
    assert store.key(recipe(), inputs, code) == key
    saved(sequences_of(cohort([["4019 25000"]])), tmp_path)
    others.append(store.key(recipe(), inputs, code))
    assert len({key, *others}) == 1 + len(others)


def test_the_store_is_where_the_environment_says(root: Path, monkeypatch: pytest.MonkeyPatch):
    assert store_root() == root
    monkeypatch.delenv("EHRGEN_STORE")
    assert store_root() == Path(".store")
