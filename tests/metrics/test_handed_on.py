from pathlib import Path

import numpy as np
import pytest

from ehrgen.data.cohort import Cohort
from ehrgen.metrics.cohorts import handed_on
from ehrgen.metrics.cohorts.handed_on import handing_on, of_real_patients
from ehrgen.metrics.evaluation import EvaluationData, evaluate
from ehrgen.metrics.portrait import portrait
from tests.support.cohorts import population

REAL, OTHER = population(30, 1), population(30, 2)
BYTES = np.array([2.0]).tobytes(), np.array([3.0]).tobytes()  # one number of the array below, and another
ARRAYS = np.array([1 / 3, 2.0]), np.array([[1, 2]])


class Counted:
    """A marked function that returns what it is given to return, and counts its calls."""

    def __init__(self, result):
        self.calls: list[tuple] = []

        @of_real_patients
        def counted(*arguments):
            self.calls.append(arguments)
            return result

        self.function = counted


def again(cohort: Cohort) -> Cohort:
    """The same patients in another object, as another process has them."""
    return Cohort(cohort.patients.copy(), cohort.diagnoses.copy())


@pytest.mark.parametrize("result", [1 / 3, ARRAYS[0], ARRAYS], ids=["number", "array", "arrays"])
def test_the_next_process_gets_what_the_first_computed_to_the_last_bit(result, tmp_path: Path):
    counted = Counted(result)
    for cohort in (REAL, again(REAL)):
        with handing_on(tmp_path, cohort):
            found = counted.function("kind", cohort)
        assert type(found) is type(result)
        parts = zip(*(part if type(part) is tuple else (part,) for part in (found, result)), strict=True)
        assert all(np.array_equal(ours, theirs) for ours, theirs in parts)
    assert len(counted.calls) == 1


def test_other_patients_arguments_and_functions_are_not_taken_for_these(tmp_path: Path):
    counted, changed = Counted(1.0), again(REAL)
    changed.patients.loc[0, "age_years"] += 1
    with handing_on(tmp_path, REAL, OTHER, changed):
        for arguments in ((REAL,), (OTHER,), (changed,), ("kind", REAL), (REAL, OTHER), (OTHER, REAL)):
            counted.function(*arguments)
            counted.function(*arguments)
    assert len(counted.calls) == 6


def test_what_depends_on_a_generator_is_computed_anew(tmp_path: Path):
    counted = Counted(1.0)
    with handing_on(tmp_path, REAL):
        counted.function(REAL, OTHER)
        counted.function(REAL, OTHER)
    counted.function(REAL)  # outside
    assert len(counted.calls) == 3
    assert not list(tmp_path.rglob("*.npz"))


@pytest.mark.parametrize("damage", [lambda data: data[:-40], lambda data: b"", lambda data: data.replace(*BYTES)])
def test_a_damaged_file_is_made_anew(damage, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    counted = Counted(ARRAYS[0])
    with handing_on(tmp_path, REAL):
        counted.function(REAL)
        (path,) = tmp_path.rglob("*.npz")
        before = path.read_bytes()
        path.write_bytes(damage(before))
        assert path.read_bytes() != before
        assert np.array_equal(counted.function(REAL), ARRAYS[0]) and len(counted.calls) == 2
        assert "damaged" in capsys.readouterr().out
        assert np.array_equal(counted.function(REAL), ARRAYS[0]) and len(counted.calls) == 2


def test_a_file_of_other_patients_is_made_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Whole, so that no checksum tells."""
    counted = Counted(ARRAYS[0])
    with handing_on(tmp_path, REAL, OTHER):
        counted.function(OTHER)
        (other,) = tmp_path.rglob("*.npz")
        counted.function(REAL)
        (path,) = set(tmp_path.rglob("*.npz")) - {other}
        path.write_bytes(other.read_bytes())
        assert np.array_equal(counted.function(REAL), ARRAYS[0]) and len(counted.calls) == 3
        np.savez(path)
        assert np.array_equal(counted.function(REAL), ARRAYS[0]) and len(counted.calls) == 4
    assert capsys.readouterr().out.count("damaged, or of something else; computed anew") == 2


def test_other_code_begins_anew_and_old_results_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    counted = Counted(1.0)
    for version in range(handed_on.FOLDERS + 2):
        monkeypatch.setattr(handed_on, "_code", lambda version=version: f"code{version}")
        with handing_on(tmp_path, REAL):
            counted.function(REAL)
    assert len(counted.calls) == handed_on.FOLDERS + 2
    kept = {path.name for path in tmp_path.iterdir()}
    assert len(kept) == handed_on.FOLDERS and f"code{handed_on.FOLDERS + 1}" in kept


def test_the_key_of_the_code_changes_with_any_file_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(handed_on, "CODE", tmp_path)
    for room in handed_on.ROOMS:
        (tmp_path / room / "sub").mkdir(parents=True)
        (tmp_path / room / "sub" / "a.py").write_text("x = 1\n")
    before = handed_on._code()
    (tmp_path / "metrics" / "sub" / "notes.md").write_text("no code")
    assert handed_on._code() == before
    (tmp_path / "data" / "sub" / "a.py").write_text("x = 2\n")
    assert handed_on._code() != before


@pytest.mark.slow
def test_all_metrics_and_the_portrait_are_the_same_with_what_was_handed_on(tmp_path: Path):
    patients = [population(600, seed) for seed in (1, 2, 3, 4)]
    heldout, first, second, train = patients
    plain = EvaluationData(*map(again, (heldout, second, train)))
    expected = evaluate(plain), portrait(plain)
    for synthetic in (first, second):
        data = EvaluationData(*map(again, (heldout, synthetic, train)))
        with handing_on(tmp_path, data.heldout, data.train):
            found = evaluate(data), portrait(data)
    assert len(list(tmp_path.rglob("*.npz"))) > 10
    assert found == expected
