"""The BART checkpoint that a model may start from: which files it is. Imports no torch.

Their content decides what a training ends with, so it is in the training's key and manifest. DVC notices an edit by
links: `resolve` makes them for every variant, and `train` depends on them. A name on the hub has no links; what the
name stands for is looked up when the training begins.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from ehrgen.core.checksums import sha256
from ehrgen.core.files import replacing, write_text

CONFIG = "config.json"
WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
"""Of these transformers reads the first that there is; an index names the files of weights in parts."""


class PretrainedError(ValueError):
    """A checkpoint that cannot be trained from; the message says which and what is wrong."""


def folder(pretrained: str) -> Path:
    """Where the checkpoint's files lie: the folder itself, or where a name on the hub was downloaded to.

    Args:
        pretrained: The parameter `model.pretrained`.

    Raises:
        PretrainedError: If there is no such folder, and no such name can be had from the hub.
    """
    if Path(pretrained).exists():
        return Path(pretrained)
    import logging

    from transformers.utils import cached_file

    quiet = logging.getLogger("huggingface_hub")
    level = quiet.level
    quiet.setLevel(logging.CRITICAL)  # it warns of every attempt
    try:
        config = cached_file(pretrained, CONFIG)
        optional = {"_raise_exceptions_for_missing_entries": False}
        weights = next((name for name in WEIGHTS if cached_file(pretrained, name, **optional)), None)
        if config is None or weights is None:
            raise OSError
    except (OSError, ValueError):
        raise PretrainedError(
            f"model.pretrained: there is no folder {pretrained}, and no checkpoint of that name could be had from the "
            "hub; name a folder with config.json and model.safetensors, or go online"
        ) from None
    finally:
        quiet.setLevel(level)
    return Path(config).parent


def files(checkpoint: Path) -> list[Path]:
    """The files of a checkpoint that are read: its configuration and its weights.

    Raises:
        PretrainedError: If one is missing.
    """
    where = f"model.pretrained: {checkpoint}"
    weights = next((checkpoint / name for name in WEIGHTS if (checkpoint / name).is_file()), None)
    if not (checkpoint / CONFIG).is_file() or weights is None:
        missing = CONFIG if weights is not None else "model.safetensors or pytorch_model.bin"
        raise PretrainedError(f"{where}: no {missing} there; it takes a folder that save_pretrained wrote")
    read = [checkpoint / CONFIG, weights]
    if weights.suffix == ".json":
        try:
            parts = sorted(set(json.loads(weights.read_text(encoding="utf-8"))["weight_map"].values()))
            read += [checkpoint / part for part in parts]
        except (ValueError, KeyError, TypeError, AttributeError):
            raise PretrainedError(f"{where}: {weights.name} is not an index of weights") from None
    if absent := [path.name for path in read if not path.is_file()]:
        raise PretrainedError(f"{where}: {len(absent)} of {len(read)} files missing, such as {absent[0]}")
    return read


def hashes(pretrained: str) -> dict[str, str]:
    """Name -> hash of every file that is read.

    Raises:
        PretrainedError: If there is no such checkpoint.
    """
    try:
        return {path.name: sha256(path) for path in files(folder(pretrained))}
    except OSError as error:
        raise PretrainedError(f"model.pretrained: {error.filename} cannot be read: {error.strerror}") from None


def link(checkpoints: Mapping[str, str | None], target: Path) -> None:
    """Make `target/VARIANT/`, in which links to the files of its checkpoint let DVC see when their content changes.

    Args:
        checkpoints: Variant -> `model.pretrained`, None for a model that starts from nothing.

    Raises:
        PretrainedError: If a folder is no checkpoint.
    """
    with replacing(target) as temporary:
        for variant, pretrained in checkpoints.items():
            own = temporary / variant
            write_text(f"{pretrained or 'none'}\n", own / "name.txt")
            if pretrained is not None and Path(pretrained).exists():
                for path in files(Path(pretrained)):
                    (own / path.name).symlink_to(path.resolve())
