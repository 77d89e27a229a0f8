import json
from pathlib import Path

import pytest

from benchmarks.measure import goal, goal_at_least
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
    assert "## Sampling" in lines and "| ours | 1,234 patients/s | 3.46 (3.00 to 4.00) |" in lines
    assert "2026-01-02, commit abc1234, a processor, 1 of 2 cores, torch 2, transformers 5, 5 rounds" in lines


def test_a_table_has_the_columns_that_a_row_has_and_says_which_goals_are_met(tmp_path: Path):
    rows = {
        "whole": {"seconds": 3.0, "least": 2.0, "most": 4.0, "cpu": 5.0, "peak": 0.5},
        "half": {"cpu": 1.25},
        "more": {"pace": 0.1, "cost": 0.25, "low": -0.01, "high": 0.5},
    }
    goals = [goal("the whole", 3.0, 15.0, "s"), goal("its peak memory", 0.5, 0.5, "GB")]
    (tmp_path / "preparation.json").write_text(json.dumps({"where": WHERE, "rounds": 3, "of": rows, "goals": goals}))
    assert text(tmp_path).splitlines()[-8:] == [
        "| | seconds | CPU seconds | peak memory | ms a step | added |",
        "|---|---:|---:|---:|---:|---:|",
        "| whole | 3.00 (2.00 to 4.00) | 5.00 | 0.50 GB |  |  |",
        "| half |  | 1.25 |  |  |  |",
        "| more |  |  |  | 100 | +25.0% (-1.0% to +50.0%) |",
        "",
        "- Goal met: the whole below 15 s; 3 s measured.",
        "- Goal missed: its peak memory below 0.5 GB; 0.5 GB measured.",
    ]


def test_a_ratio_should_be_large(tmp_path: Path):
    row = {"rate": 10.0, "ratio": 4.0, "low": 4.0, "high": 4.0}
    goals = [goal_at_least("ours", 4.0, 4, "x"), goal_at_least("ours", 3.99, 4, "x")]
    found = {"where": WHERE, "unit": "tokens/s", "rounds": 5, "of": {"ours": row}, "goals": goals}
    (tmp_path / "sampling.json").write_text(json.dumps(found))
    assert text(tmp_path).splitlines()[-2:] == [
        "- Goal met: ours at least 4 x; 4 x measured.",
        "- Goal missed: ours at least 4 x; 3.99 x measured.",
    ]


def test_a_profile_has_a_column_a_contender(tmp_path: Path):
    parts = {"all": {"plain": 2000.0, "ours": 500.0}, "attention": {"plain": 10.0, "ours": 5.25}}
    found = {"where": WHERE, "rounds": 5, "per": "ms for 1,000 tokens", "parts": parts}
    (tmp_path / "breakdown_training_default.json").write_text(json.dumps(found))
    assert text(tmp_path).splitlines()[-4:] == [
        "| ms for 1,000 tokens | plain | ours |",
        "|---|---:|---:|",
        "| all | 2,000.0 | 500.0 |",
        "| attention | 10.0 | 5.2 |",
    ]


def test_nothing_measured_is_an_error(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="run `make bench`"):
        text(tmp_path)
