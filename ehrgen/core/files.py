"""Files that are whole or absent: every writer fills a temporary name beside its target, then renames it."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
