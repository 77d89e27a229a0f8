"""What is the same for every generator, since it depends on real patients alone: computed once and handed on.

Held-out and training patients are the same in every evaluation of a run, and so are their neighbours among themselves,
their places on the embedding and what models of training patients make of held-out ones. The first process that needs
such a result keeps it in a folder of its own for these patients and this code; the others read it there. Numbers come
back to the last bit, so nothing depends on who was first.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import scipy
import sklearn

from ehrgen.core.arrays import ArraysError, read_arrays
from ehrgen.core.files import replacing
from ehrgen.data.cohort import Cohort

Result = TypeVar("Result")

CODE = Path(__file__).resolve().parents[2]  # every file of these rooms may change a number
ROOMS = ("data", "metrics")
FOLDERS = 4  # of earlier code that are kept
NUMBER, ARRAY = "number", "array"
OF = "of"  # what the other arrays of a file are: its name


@dataclass(frozen=True)
class Known:
    """Cohorts of real patients, with a hash of what they hold, and the folder for what is computed of them."""

    folder: Path
    cohorts: tuple[tuple[Cohort, str], ...]

    def path(self, function: Callable, arguments: tuple[Any, ...]) -> Path | None:
        """Where the result of these arguments is kept; None if one of them is a cohort that is not known."""
        names = [name for argument in arguments if (name := self._name(argument)) is not None]
        if len(names) < len(arguments):
            return None
        return self.folder / f"{function.__module__.rpartition('.')[2]}.{function.__name__}-{'-'.join(names)}.npz"

    def _name(self, argument: Any) -> str | None:
        if isinstance(argument, str):
            return argument
        return next((digest for cohort, digest in self.cohorts if cohort is argument), None)


_known: list[Known] = []


@contextmanager
def handing_on(root: Path, *real: Cohort | None) -> Iterator[None]:
    """Within it, what `of_real_patients` marks is taken from `root`, or kept there, if it is of these cohorts alone."""
    folder = root / _code()
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        others = sorted((path for path in root.iterdir() if path != folder), key=lambda path: path.stat().st_mtime)
        for path in others[: -FOLDERS + 1]:
            shutil.rmtree(path, ignore_errors=True)
    _known.append(Known(folder, tuple((cohort, _hash(cohort)) for cohort in real if cohort is not None)))
    try:
        yield
    finally:
        _known.pop()


def of_real_patients(function: Callable[..., Result]) -> Callable[..., Result]:
    """`function`, whose result is a number, an array or a tuple of arrays, handed on where its cohorts are known."""

    @wraps(function)
    def handing(*arguments: Any) -> Result:
        path = _known[-1].path(function, arguments) if _known else None
        if path is None:
            return function(*arguments)
        if (kept := _read(path)) is not None:
            return _unpacked(kept)
        result = function(*arguments)
        with replacing(path) as temporary:
            np.savez(temporary, allow_pickle=False, **{OF: np.array(path.name)}, **_packed(result))
        return result

    return handing


def _read(path: Path) -> dict[str, np.ndarray] | None:
    """The arrays of a file; None if there is none, or if it is damaged: its checksums say so, and it is made anew."""
    if not path.exists():
        return None
    try:
        found = read_arrays(path)
    except ArraysError:
        found = {}
    if OF in found and str(found.pop(OF)) == path.name and found:
        return found
    print(f"{path}: damaged, or of something else; computed anew")
    return None


def _packed(result: Any) -> dict[str, np.ndarray]:
    if isinstance(result, tuple):
        return {str(number): part for number, part in enumerate(result)}
    return {NUMBER: np.array(result)} if isinstance(result, float) else {ARRAY: result}


def _unpacked(arrays: dict[str, np.ndarray]) -> Any:
    if NUMBER in arrays:
        return float(arrays[NUMBER])
    return arrays[ARRAY] if ARRAY in arrays else tuple(arrays[str(number)] for number in range(len(arrays)))


def _hash(cohort: Cohort) -> str:
    digest = hashlib.sha256()
    for table in (cohort.patients, cohort.diagnoses):
        digest.update(pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes())
    return digest.hexdigest()[:16]


def _code() -> str:
    digest = hashlib.sha256(" ".join(library.__version__ for library in (np, pd, scipy, sklearn)).encode())
    for path in sorted(path for room in ROOMS for path in (CODE / room).rglob("*.py")):
        digest.update(path.relative_to(CODE).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
