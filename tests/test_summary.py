import json
from pathlib import Path

import pytest

from benchmarks.summary import text

WHERE = {
    "commit": "abc1234",
    "date": "2026-01-02",
    "processor": "a processor",
    "cores": 2,
    "threads": 1,
    "torch": "2",
    "transformers": "5",
}


def test_a_row_a_contender(tmp_path: Path):
    row = {"rate": 1234.4, "ratio": 3.456, "low": 3.0, "high": 4.0}
    found = {"where": WHERE, "unit": "patients/s", "rounds": 5, "of": {"ours": row}}
    (tmp_path / "sampling.json").write_text(json.dumps(found))
    lines = text(tmp_path).splitlines()
    assert "## Sampling" in lines and "| ours | 1,234 patients/s | 3.46 (3.00 to 4.00) |  |" in lines
    assert "2026-01-02, commit abc1234, a processor, 1 of 2 cores, torch 2, transformers 5, 5 rounds" in lines


def test_nothing_measured_is_an_error(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="run `make bench`"):
        text(tmp_path)
