"""One training configuration trains once: finished and unfinished trainings, outside the DVC outs.

DVC deletes a stage's outs before it runs, and killing DVC leaves the stage's process alive. So trainings live in
`.store/<key>/`, where the key is the hash of everything that decides the result: configuration, seed, input files,
the checkpoint it starts from, code and library versions. `checkpoint/` is of an unfinished training and `result/` of a
finished one, each with its checksums: what is damaged is dropped, said, and trained again. A lock keeps two processes
from training the same key at once; the system frees it when its holder dies. The folder may be deleted at any time: it
only costs training again.
"""

import fcntl
import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers

from ehrgen.core import checksums
from ehrgen.core.checksums import DamagedError
from ehrgen.core.files import copy, replacing, store_root
from ehrgen.core.orphans import own_files
from ehrgen.data.sequences.cooccurrence import Cooccurrence, Space
from ehrgen.data.sequences.sequences import Sequences
from ehrgen.learning.batches import steps
from ehrgen.learning.machine import processes
from ehrgen.learning.machine.device import Machine
from ehrgen.learning.pretrained import hashes
from ehrgen.learning.settings import Recipe
from ehrgen.learning.training import history, manifest
from ehrgen.learning.training.checkpoint import Checkpoint
from ehrgen.learning.training.loop import train
from ehrgen.learning.training.manifest import TimeSpent


class OutdatedError(ValueError):
    """A training of what is no longer asked for; the message says where it is kept."""


@dataclass(frozen=True)
class StoredTraining:
    """A finished training in the store: `model`, `history` and `manifest` of its `folder`."""

    folder: Path
    key: str

    def exists(self) -> bool:
        """Whether it is there, whole and of this key; what is not is dropped with a line."""
        if not self.folder.exists():
            return False
        try:
            checksums.verify(self.folder, self.key)
        except DamagedError as error:
            print(f"the stored training {self.key} is damaged: {error}; it is dropped and trained again")
            shutil.rmtree(self.folder)
            return False
        return True

    def publish(self, wanted: str, **targets: Path) -> None:
        """Copy `model`, `history` and `manifest` to where the pipeline wants them; of several processes, one does.

        Args:
            wanted: The key of parameters, data and code as they stand now. DVC hashes what a stage depends on after the
                stage has run, and would take an outdated result for one of the new code.

        Raises:
            OutdatedError: If this is not the training that is wanted now.
            DamagedError: If a file is no longer what was written.
            OrphanError: If the DVC that started this process is gone: it may have been started anew since.
        """
        if not processes.first():
            return
        if wanted != self.key:
            raise OutdatedError(
                f"parameters, data or code changed during the training {self.key}: it is kept in the store and not "
                "published; run dvc repro again"
            )
        try:
            checksums.verify(self.folder, self.key)
        except DamagedError as error:
            raise DamagedError(f"{self.folder}: {error}; run dvc repro again, which trains it anew") from None
        for name, target in targets.items():
            source = self.folder / name
            with replacing(target) as temporary:
                copy(source, temporary)


def key(recipe: Recipe, inputs: Iterable[Path], code: Iterable[Path]) -> str:
    """Hash of all that decides a training's result, 32 hexadecimal digits.

    Args:
        inputs: Files or folders of data.
        code: Files or folders of Python source.

    Raises:
        PretrainedError: If there is no such checkpoint as `model.pretrained`.
    """
    digest = hashlib.sha256()
    sections = {name: getattr(recipe, name).model_dump() for name in ("model", "loss", "train")}
    facts = {
        **sections,
        "seed": recipe.seed,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    if recipe.model.pretrained is not None:
        facts["pretrained"] = hashes(recipe.model.pretrained)
    digest.update(json.dumps(facts, sort_keys=True).encode())
    for path in [*_files(inputs, "*"), *_files(code, "*.py")]:
        digest.update(path.as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:32]


def finished(key: str) -> bool:
    """Whether the store has a training of this key, as far as is seen without reading it."""
    return (store_root() / key / "result").exists()


def train_once(
    key: str, recipe: Recipe, sequences: Sequences, matrices: dict[Space, Cooccurrence], machine: Machine
) -> StoredTraining:
    """The training of this key: taken from the store, continued from its checkpoint, or begun.

    Several processes train together; the first holds the lock and writes.
    """
    folder, first = store_root() / key, processes.first()
    stored, checkpoint = StoredTraining(folder / "result", key), Checkpoint(folder / "checkpoint", key)
    with own_files(), locked(folder) if first else nullcontext():
        done = first and stored.exists()
        if first and not done:
            checkpoint.drop_if_damaged()
        if processes.agreed({"done": done}, machine.device)["done"]:
            if first:
                print(f"already trained as {key}; taken from the store")
            return stored
        pretrained = None if recipe.model.pretrained is None else hashes(recipe.model.pretrained)
        started = TimeSpent.now()
        before = max((row.epoch for row in checkpoint.history()), default=0)
        model, rows = train(recipe, sequences, matrices, machine, checkpoint)
        if not first:
            return stored
        taken = (recipe.train.epochs - before) * steps(sequences.of_split("train"), recipe.train.batch_tokens)
        spent = TimeSpent.now().since(started)
        with replacing(stored.folder) as temporary:
            history.write(rows, temporary / "history")
            manifest.write(temporary / "manifest", recipe, pretrained, machine, key, model, taken, spent)
            model.save(temporary / "model")
            checksums.seal(temporary, key)
        shutil.rmtree(checkpoint.folder)
        return stored


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
