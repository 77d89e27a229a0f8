"""State of a training between epochs, on disk as safetensors and JSON, whole or absent."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from ehrgen.core import checksums
from ehrgen.core.checksums import DamagedError
from ehrgen.core.files import replacing, write_json
from ehrgen.learning.model.prompt_bart import PromptBart
from ehrgen.learning.training.history import Row
from ehrgen.learning.training.weighting import Fixed


class Checkpoint:
    """A folder that holds all that a training goes on from after its last whole epoch.

    The model's weights, the optimizer's moments, what the weighting scheme has learned, the history, and checksums.
    """

    def __init__(self, folder: Path, key: str = "") -> None:
        """`key` says of which training it is: another one's cannot be gone on from."""
        self.folder, self.key = folder, key

    def drop_if_damaged(self) -> None:
        """Remove a checkpoint that is not what was written, and say so: the training then starts over."""
        if not self.folder.exists():
            return
        try:
            checksums.verify(self.folder, self.key)
        except DamagedError as error:
            print(f"the checkpoint of training {self.key} is damaged: {error}; the training starts over")
            shutil.rmtree(self.folder)

    def save(self, model: PromptBart, optimizer: torch.optim.Optimizer, scheme: Fixed, rows: list[Row]) -> None:
        """Replace the checkpoint."""
        moments = {
            f"{index}.{name}": value.contiguous()
            for index, state in optimizer.state_dict()["state"].items()
            for name, value in state.items()
        }
        with replacing(self.folder) as temporary:
            temporary.mkdir()
            save_file(model.untied_state(), temporary / "model.safetensors")
            save_file(moments, temporary / "optimizer.safetensors")
            write_json(scheme.state(), temporary / "weighting.json", indent=None)
            write_json([asdict(row) for row in rows], temporary / "history.json", indent=None)
            checksums.seal(temporary, self.key)

    def restore(self, model: PromptBart, optimizer: torch.optim.Optimizer, scheme: Fixed) -> list[Row]:
        """Set all three from the checkpoint; its history, empty if there is no checkpoint.

        Raises:
            DamagedError: If a file is not what was written.
        """
        if not self.folder.exists():
            return []
        try:
            checksums.verify(self.folder, self.key)
        except DamagedError as error:
            raise DamagedError(f"{self.folder}: {error}; remove the folder, and the training starts over") from None
        model.load_untied(load_file(self.folder / "model.safetensors"))
        state = optimizer.state_dict()
        for key, value in load_file(self.folder / "optimizer.safetensors").items():
            index, name = key.split(".", 1)
            state["state"].setdefault(int(index), {})[name] = value
        optimizer.load_state_dict(state)
        scheme.load(json.loads((self.folder / "weighting.json").read_text(encoding="utf-8")))
        return self.history()

    def history(self) -> list[Row]:
        """The rows of the epochs that were trained, empty if there is no checkpoint."""
        if not self.folder.exists():
            return []
        rows = json.loads((self.folder / "history.json").read_text(encoding="utf-8"))
        return [Row(**row) for row in rows]
