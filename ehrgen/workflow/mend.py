"""What a run is refused for, or mends, before DVC starts: its own files unreadable, or left half written."""

import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from ehrgen.core.files import TEMPORARY, replacing, sweep
from ehrgen.core.lockfile import KEPT, LOCK, cut_off
from ehrgen.core.params import ParamsError, load_yaml

WRITTEN = ("data", "models", "samples", "likelihoods", "reports", ".store", ".dvc/tmp")


def mend() -> list[str]:
    """Put the project into a state that DVC can read; what was done, in words.

    Raises:
        ParamsError: If dvc.yaml or dvc.lock is not readable for another reason than a DVC that was killed.
    """
    load_yaml(Path("dvc.yaml"))
    done = [_mended_lock()]
    if swept := sweep(path for folder in WRITTEN for path in Path(folder).rglob(f".*{TEMPORARY}")):
        done.append(f"removed {swept} temporary folders of stages that were killed")
    return [text for text in done if text]


def _mended_lock() -> str:
    """Put the last whole dvc.lock in the place of one that a killed DVC left."""
    if not LOCK.exists():
        return ""
    if not cut_off(LOCK.read_bytes()):
        _check(LOCK)
        return ""
    last, name = _last_whole()
    why = f"{LOCK} was cut off, as when DVC is killed while it writes it"
    if not last:
        aside = LOCK.with_suffix(".lock.damaged")
        os.replace(LOCK, aside)
        return f"{why}, and there is no copy: it is now {aside}, and all stages run again"
    with replacing(LOCK) as fresh:
        fresh.write_bytes(last)
    return f"{why}; {name} is back in its place, and what is newer runs again"


def _last_whole() -> tuple[bytes, str]:
    """The newest dvc.lock there is, and what to call it."""
    with suppress(ParamsError):
        _check(KEPT)
        return KEPT.read_bytes(), f"that of {time.strftime('%d %B %H:%M', time.localtime(KEPT.stat().st_mtime))}"
    committed = subprocess.run(["git", "show", f"HEAD:./{LOCK}"], capture_output=True)
    return committed.stdout, "that of the last commit"


def _check(path: Path) -> None:
    if not isinstance(load_yaml(path).get("stages", {}), dict):
        raise ParamsError(f"{path}: `stages` is no mapping, so this is no lock of DVC; take it from git")
