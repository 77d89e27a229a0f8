"""Files of arrays: whatever damage makes their reader raise, it is one error. No pickles."""

import warnings
from pathlib import Path

import numpy as np


class ArraysError(ValueError):
    """A file that is not readable as arrays; the message says why, the caller which and what to do."""


def read_array(path: Path) -> np.ndarray:
    """The array of a .npy file, memory-mapped.

    Raises:
        ArraysError: If the file cannot be read.
    """
    try:
        with warnings.catch_warnings(action="error"):  # of a header that numpy would repair
            array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # damaged headers raise what the parser of Python and its tokens raise
        raise ArraysError(_why(error)) from None
    if not isinstance(array, np.ndarray):
        raise ArraysError("not readable as an array (several in one file)")
    return array


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Name -> array of a .npz file, each of which its checksum proves.

    Raises:
        ArraysError: If the file cannot be read.
    """
    try:
        with (
            warnings.catch_warnings(action="error"),
            path.open("rb") as file,
            np.load(file, allow_pickle=False) as arrays,
        ):
            return {name: arrays[name] for name in arrays.files}
    except Exception as error:  # also of headers of zip that ask for passwords and methods nobody knows
        raise ArraysError(_why(error)) from None


def _why(error: Exception) -> str:
    said = " ".join(str(error).split())
    return f"not readable as arrays ({type(error).__name__}: {said[:200]})"
