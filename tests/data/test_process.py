from pathlib import Path

import pytest

from ehrgen.data.cohort import CohortError
from ehrgen.data.simulation import process
from tests.support.sandbox import ROOT

PARAMETERS = ROOT / "ehrgen/data/simulation/simulator.npz"


def test_only_a_simulated_cohort_has_a_truth(tmp_path: Path):
    process.keep("nhds", Path("absent"), tmp_path / "process")
    assert process.known(tmp_path / "process") is None
    process.keep("simulated", PARAMETERS, tmp_path / "process")
    assert process.known(tmp_path / "process") is not None
    assert (tmp_path / "process/simulator.npz").read_bytes() == PARAMETERS.read_bytes()
    process.keep("nhds", Path("absent"), tmp_path / "process")
    assert process.known(tmp_path / "process") is None, "nothing of the simulated one stays"


@pytest.mark.parametrize("source", ["null", "[]", '"nhds"'])
def test_patients_of_a_known_process_are_not_taken_for_real_ones(source: str, tmp_path: Path):
    process.keep("simulated", PARAMETERS, tmp_path / "process")
    (tmp_path / "process/source.json").write_text(f'{{"source": {source}}}')
    with pytest.raises(CohortError, match="is no source of these patients; run `dvc repro ingest`"):
        process.known(tmp_path / "process")


def test_a_truth_that_is_lost_is_not_taken_for_real_patients(tmp_path: Path):
    process.keep("simulated", PARAMETERS, tmp_path / "process")
    (tmp_path / "process/simulator.npz").unlink()
    with pytest.raises(CohortError, match=r"simulator\.npz: no such file"):
        process.known(tmp_path / "process")
    for text in ("", "[]", "{}"):
        (tmp_path / "process/source.json").write_text(text)
        with pytest.raises(CohortError, match=r"source\.json: not readable .*; run `dvc repro ingest`"):
            process.known(tmp_path / "process")
