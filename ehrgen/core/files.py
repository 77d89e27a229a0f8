"""Files that are whole or absent: every writer fills a temporary name beside its target, then renames it."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A temporary path in the target's folder; renamed to `target` on success, removed on error.

    Write a file or make a folder there. An existing target is replaced only once the new one is complete.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    holder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        fresh = holder / target.name
        yield fresh
        if not fresh.exists():
            raise FileNotFoundError(f"{target}: nothing was written; what was there before is untouched")
        if target.is_dir() and not target.is_symlink():
            os.rename(target, holder / "old")  # a folder cannot be replaced in one step; it goes with the holder
        os.replace(fresh, target)
    finally:
        shutil.rmtree(holder, ignore_errors=True)


def write_text(text: str, path: Path) -> None:
    """Write a text file in UTF-8, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(content: Any, path: Path, indent: int | None = 2, sort_keys: bool = False, end: str = "\n") -> None:
    """Write a JSON file, whole or not at all.

    Args:
        indent: Blanks a level; None puts everything on one line.
        end: What follows the value.

    Raises:
        ValueError: If a number is NaN or infinite, which JSON has no word for.
    """
    write_text(json.dumps(content, indent=indent, sort_keys=sort_keys, allow_nan=False) + end, path)
