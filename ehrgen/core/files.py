"""Files that are whole or absent: every writer fills a temporary name beside its target, then renames it."""

import fcntl
import glob
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ehrgen.core import orphans

TEMPORARY = ".tmp"
"""What temporary folders end in; git and DVC ignore them, or a killed stage's would enter a commit and a hash."""


class FileError(ValueError):
    """A file of our own making that cannot be used; the message names it and says what to do."""


def store_root() -> Path:
    """Where finished work is kept between runs: $EHRGEN_STORE, or `.store` in the project."""
    return Path(os.environ.get("EHRGEN_STORE", ".store"))


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A temporary path in the target's folder; renamed to `target` on success, removed on error.

    Write a file or make a folder there. An existing target is replaced only once the new one is complete. What a killed
    process left of the same target is removed first.

    Raises:
        OrphanError: If DVC, which started this stage, is gone; the target stays as it is.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    sweep(target.parent.glob(f".{glob.escape(target.name)}.*{TEMPORARY}"))
    holder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=TEMPORARY, dir=target.parent))
    try:
        with _held(holder):
            fresh = holder / target.name
            yield fresh
            if not fresh.exists():
                raise FileNotFoundError(f"{target}: nothing was written; what was there before is untouched")
            orphans.refuse(target)
            if target.is_dir() and not target.is_symlink():
                os.rename(target, holder / "old")  # a folder cannot be replaced in one step; it goes with the holder
            os.replace(fresh, target)
    finally:
        shutil.rmtree(holder, ignore_errors=True)


def sweep(holders: Iterable[Path]) -> int:
    """Remove the temporary folders of processes that died, of those given; returns how many."""
    dead = 0
    for holder in holders:
        with suppress(OSError), _held(holder) as sure:
            if sure:
                shutil.rmtree(holder)
                dead += 1
    return dead


@contextmanager
def _held(holder: Path) -> Iterator[bool]:
    """Whether this process holds the folder alone; the system frees it when its holder dies."""
    folder = os.open(holder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # another process has it, or the file system knows no such locks
            yield False
        else:
            yield True
    finally:
        os.close(folder)


def copy(source: Path, target: Path) -> None:
    """Copy a file, or a folder with all below it; a disk that is full is told as such, not as a list of files."""
    if not source.is_dir():
        shutil.copyfile(source, target)
        return
    target.mkdir()
    for path in sorted(source.iterdir()):
        copy(path, target / path.name)


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


def read_json(path: Path, remedy: str = "run `dvc repro`") -> Any:
    """What a JSON file of our own making holds.

    Args:
        remedy: What to do about a file that cannot be read, for the message.

    Raises:
        FileError: If it is missing, cannot be read or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or 'cannot be read'}; {remedy}") from error
    except (ValueError, RecursionError) as error:
        raise FileError(f"{path}: not valid JSON ({error}); {remedy}") from error
