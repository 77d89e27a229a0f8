import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import measure, preparation
from benchmarks.usage import Usage
from ehrgen.data.simulation import simulator


@pytest.mark.slow
def test_patients_are_filled_up_to_the_size_asked_for():
    whole = preparation.patients(300, 5000, 1800, np.random.default_rng(0))
    plain = simulator.load(preparation.ROOT / "ehrgen/data/simulation/simulator.npz").sample(
        300, np.random.default_rng(0)
    )
    assert len(whole) == 300 and len(whole.diagnoses) == 5000 and whole.diagnoses["code"].nunique() == 1800
    first = [(cohort.diagnoses["position"] == 0).sum() for cohort in (whole, plain)]
    assert first[0] == first[1]
    with pytest.raises(ValueError, match="cannot be filled up to 100 of 1,800"):
        preparation.patients(300, 100, 1800, np.random.default_rng(0))


def test_more_than_a_part_has_ids_of_its_own(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(preparation, "PATIENTS", 100)
    people, rows = preparation.simulated(250, np.random.default_rng(0))
    assert people["patient_id"].tolist() == list(range(250)) == sorted(rows["patient_id"].unique())


@pytest.mark.slow
def test_the_whole_benchmark_at_two_small_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name, value in {"PATIENTS": 150, "CODES": 3000, "KINDS": 1800}.items():
        monkeypatch.setattr(preparation, name, value)
    monkeypatch.setattr(measure, "RESULTS", tmp_path)
    monkeypatch.setattr("sys.argv", ["preparation", "--rounds", "1", "--times", "2"])
    preparation.main()
    found = json.loads((tmp_path / "preparation.json").read_text())
    names = [*preparation.STAGES, "together"]
    assert list(found["of"]) == [*names, *(f"{name}, 2 times the size" for name in names)]
    assert all(row["seconds"] > 0.1 and row["peak"] > 0.02 for row in found["of"].values())
    assert [one["below"] for one in found["goals"]] == [15, 1]


def test_times_add_up_and_the_largest_peak_counts():
    parts = {"ingest": Usage(3.0, 2.0, 0.5), "preprocess": Usage(1.0, 1.5, 0.75)}
    assert preparation.together(parts) == Usage(4.0, 3.5, 0.75)
