"""One training configuration trains once: finished and unfinished trainings, outside the DVC outs.

DVC deletes a stage's outs before it runs, and killing DVC leaves the stage's process alive. So checkpoints live in
`.store/<key>/`, where the key is the hash of everything that decides the result: configuration, seed, input files,
code and library versions. A lock keeps two processes from training the same key at once; the system frees it when
its holder dies. The folder may be deleted at any time: it only costs training again.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers

from ehrgen.core.files import replacing
from ehrgen.data.sequences.cooccurrence import Cooccurrence, Space
from ehrgen.data.sequences.sequences import Sequences
from ehrgen.learning.batches import steps
from ehrgen.learning.machine import processes
from ehrgen.learning.machine.device import Machine
from ehrgen.learning.settings import Recipe
from ehrgen.learning.training import history, manifest
from ehrgen.learning.training.checkpoint import Checkpoint
from ehrgen.learning.training.loop import train
from ehrgen.learning.training.manifest import TimeSpent


@dataclass(frozen=True)
class StoredTraining:
    """A finished training in the store."""

    folder: Path

    def publish(self, **targets: Path) -> None:
        """Copy `model`, `history` and `manifest` to where the pipeline wants them; of several processes, one does."""
        if not processes.first():
            return
        for name, target in targets.items():
            source = self.folder / name
            with replacing(target) as temporary:
                (shutil.copytree if source.is_dir() else shutil.copyfile)(source, temporary)


def default_root() -> Path:
    """Where trainings are kept: $EHRGEN_STORE, or `.store` in the project."""
    return Path(os.environ.get("EHRGEN_STORE", ".store"))


def key(recipe: Recipe, inputs: Iterable[Path], code: Iterable[Path]) -> str:
    """Hash of all that decides a training's result, 32 hexadecimal digits.

    Args:
        inputs: Files or folders of data.
        code: Files or folders of Python source.
    """
    digest = hashlib.sha256()
    sections = {name: getattr(recipe, name).model_dump() for name in ("model", "loss", "train")}
    facts = {
        **sections,
        "seed": recipe.seed,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    digest.update(json.dumps(facts, sort_keys=True).encode())
    for path in [*_files(inputs, "*"), *_files(code, "*.py")]:
        digest.update(path.as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:32]


def finished(key: str) -> bool:
    """Whether the store has the training of this key."""
    return (default_root() / key / "model").exists()


def train_once(
    key: str, recipe: Recipe, sequences: Sequences, matrices: dict[Space, Cooccurrence], machine: Machine
) -> StoredTraining:
    """The training of this key: taken from the store, continued from its checkpoint, or begun.

    Several processes train together; the first holds the lock and writes.
    """
    folder, first = default_root() / key, processes.first()
    with locked(folder) if first else nullcontext():
        if processes.agreed({"done": finished(key)}, machine.device)["done"]:
            if first:
                print(f"already trained as {key}; taken from the store")
            return StoredTraining(folder)
        started = TimeSpent.now()
        checkpoint = Checkpoint(folder / "checkpoint")
        before = max((row.epoch for row in checkpoint.history()), default=0)
        model, rows = train(recipe, sequences, matrices, machine, checkpoint)
        if not first:
            return StoredTraining(folder)
        history.write(rows, folder / "history")
        done = (recipe.train.epochs - before) * steps(sequences.of_split("train"), recipe.train.batch_tokens)
        manifest.write(folder / "manifest", recipe, machine, key, model, done, TimeSpent.now().since(started))
        model.save(folder / "model")  # last: its presence means that the training is whole
        shutil.rmtree(checkpoint.folder)
        return StoredTraining(folder)


@contextmanager
def locked(folder: Path) -> Iterator[Path]:
    """The training's folder, held by this process alone; waits for another holder and says so."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting: another process is training {folder.name}", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def _files(paths: Iterable[Path], pattern: str) -> list[Path]:
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob(pattern))]
    return sorted(file for file in files if file.is_file() and "__pycache__" not in file.parts)
