import random
from pathlib import Path

import numpy as np
import pytest

from ehrgen.core.arrays import ArraysError, read_array, read_arrays


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    np.save(tmp_path / "a.npy", np.arange(5))
    np.savez(tmp_path / "a.npz", first=np.arange(5), second=np.eye(2))
    return tmp_path


def test_arrays_come_back(folder: Path):
    assert read_array(folder / "a.npy").tolist() == [0, 1, 2, 3, 4]
    assert {name: array.shape for name, array in read_arrays(folder / "a.npz").items()} == {
        "first": (5,),
        "second": (2, 2),
    }
    with pytest.raises(ArraysError, match="several in one file"):
        read_array(folder / "a.npz")
    with pytest.raises(ArraysError, match="not readable as arrays"):
        read_arrays(folder / "a.npy")
    with pytest.raises(ArraysError, match="FileNotFoundError"):
        read_array(folder / "absent.npy")


@pytest.mark.parametrize(("name", "read"), [("a.npy", read_array), ("a.npz", read_arrays)])
def test_every_damage_is_one_error(name: str, read, folder: Path):
    """A byte of the header makes numpy ask the parser of Python, which has errors of its own."""
    whole, rng, refused = (folder / name).read_bytes(), random.Random(0), set()
    for at in range(min(len(whole), 300)):
        for value in (0, whole[at] ^ 1, rng.randrange(256)):
            (folder / name).write_bytes(whole[:at] + bytes([value]) + whole[at + 1 :])
            try:
                read(folder / name)
            except ArraysError as error:
                assert "\n" not in str(error) and len(str(error)) < 300
                refused.add(str(error))
    assert len(refused) > 10


def test_no_pickle_is_loaded(tmp_path: Path):
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": (1,)})
    with pytest.raises(ArraysError, match="Python objects in dtype"):
        read_array(tmp_path / "a.npy")
