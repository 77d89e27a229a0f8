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
        yield holder / target.name
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        os.replace(holder / target.name, target)
    finally:
        shutil.rmtree(holder, ignore_errors=True)
