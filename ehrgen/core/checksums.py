"""Proof that files are what was written: their hashes, in a file beside them that is written last."""

import hashlib
import json
from pathlib import Path

from ehrgen.core.files import write_json

NAME = "checksums.json"


class DamagedError(ValueError):
    """Files that are not what was written; the message names the first."""


def sha256(path: Path) -> str:
    """Hash of a file's content, 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def of_folder(folder: Path) -> dict[str, str]:
    """Relative path -> hash of every file in a folder, the checksums themselves left out."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / NAME)
    return {path.relative_to(folder).as_posix(): sha256(path) for path in files}


def seal(folder: Path, subject: str) -> None:
    """Write the checksums of a folder whose other files are complete.

    Args:
        subject: What the folder is of, such as the key of a training: a folder of something else is no substitute.
    """
    write_json({"of": subject, "files": of_folder(folder)}, folder / NAME)


def verify(folder: Path, subject: str) -> None:
    """Check a folder against the checksums that `seal` wrote.

    Raises:
        DamagedError: If they are missing or unreadable, are of another subject, or a file is missing or changed.
    """
    try:
        sealed = json.loads((folder / NAME).read_text(encoding="utf-8"))
        of, wanted = sealed["of"], dict(sealed["files"])
    except FileNotFoundError:
        raise DamagedError(f"{NAME} is missing") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise DamagedError(f"{NAME} cannot be read") from None
    if of != subject:
        raise DamagedError(f"it is of {of}")
    try:
        there = of_folder(folder)
    except OSError as error:
        raise DamagedError(f"{error.filename} cannot be read: {error.strerror}") from None
    for name in sorted(wanted):
        if name not in there:
            raise DamagedError(f"{name} is missing")
        if there[name] != wanted[name]:
            raise DamagedError(f"{name} is not what was written")
