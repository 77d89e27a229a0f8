import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from benchmarks import growth, measure, preparation
from benchmarks.growth_figure import figure
from benchmarks.summary import text
from benchmarks.usage import Usage

SVG = "{http://www.w3.org/2000/svg}"


def fake(part: str, folder: Path) -> Usage:
    """Metrics grow with the square, all else in proportion to the patients."""
    size = len((folder / preparation.TABLES / "PATIENTS.csv").read_text().splitlines()) - 1
    return Usage(1.0, size**2 if part == "metrics" else float(size), 0.5)


@pytest.mark.slow
def test_a_part_that_would_take_too_long_is_foreseen_and_not_run(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(growth, "command", fake)
    rows = growth.table([300, 1200], limit=1e6)
    assert list(rows)[:3] == ["ingest, 300 patients", "ingest, 1,200 patients", "preprocess, 300 patients"]
    assert rows["sampling, 1,200 patients"]["exponent"] == pytest.approx(1)
    assert rows["metrics, 1,200 patients"] == {"foreseen": pytest.approx(16 * rows["metrics, 300 patients"]["cpu"])}
    assert f"metrics, 300 patients, {growth.LONG}" in rows and "foreseen" not in rows["ingest, 1,200 patients"]


@pytest.mark.slow
def test_ten_long_histories_and_everybody_else_as_before():
    cohort = growth.simulated(300)
    long = growth.with_long_histories(cohort, np.random.default_rng(0))
    visits, codes = (
        one.diagnoses.groupby("patient_id")[column].nunique() for one, column in ((long, "visit"), (long, "code"))
    )
    assert (codes == growth.CODES).sum() == (visits == growth.VISITS).sum() == growth.LONG_ONES
    others = [one.diagnoses[one.diagnoses["patient_id"].isin(codes.index[codes < 500])] for one in (cohort, long)]
    assert (
        others[0]
        .astype({"code": str})
        .reset_index(drop=True)
        .equals(others[1].astype({"code": str}).reset_index(drop=True))
    )


@pytest.mark.slow
def test_all_parts_run_with_long_histories():
    rows = growth.measured(growth.with_long_histories(growth.simulated(300), np.random.default_rng(1)), {}, 600)
    assert tuple(rows) == growth.ALL
    assert all(row["cpu"] > 0.1 and row["peak"] > 0.02 for row in rows.values())


@pytest.mark.slow
def test_what_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(growth, "command", fake)
    monkeypatch.setattr(measure, "RESULTS", tmp_path)
    monkeypatch.setattr(growth, "FIGURE", tmp_path / "growth.svg")
    monkeypatch.setattr("sys.argv", ["growth", "--patients", "600", "300", "--limit", "1e6"])
    growth.main()
    found = json.loads((tmp_path / "growth.json").read_text())
    assert len(found["of"]) == 3 * len(growth.ALL)
    assert found["goals"][0]["found"] == 0 and found["goals"][0]["unit"] == "% of CPU time"
    assert (tmp_path / "growth.svg").read_text() == figure(found["of"])
    assert "![How time and memory grow with the number of patients](growth.svg)" in text(tmp_path)


def test_a_line_a_part_in_both_panels_and_nothing_of_what_did_not_run():
    rows = {
        "ingest, 300 patients": {"cpu": 2.0, "peak": 0.2},
        "ingest, 1,200 patients": {"cpu": 8.0, "peak": 0.3},
        "metrics, 300 patients": {"cpu": 2.0, "peak": 0.4},
        "metrics, 1,200 patients": {"foreseen": 32.0},
        "ingest, 300 patients, 10 of 500 codes in 40 visits": {"cpu": 1000.0, "peak": 9.0},
    }
    drawn = ET.fromstring(figure(rows))
    lines = [path for path in drawn.iter(f"{SVG}path") if path.get("class") == "line"]
    dots = list(drawn.iter(f"{SVG}circle"))
    assert len(lines) == 4 and len(dots) == 6
    assert dots[1][0].text == "ingest, 1,200 patients: 8"
    height = [float(dot.get("cy")) for dot in dots]
    linear = next(path for path in drawn.iter(f"{SVG}path") if path.get("class") == "linear").get("d")
    start, end = (float(place.split()[1]) for place in linear[1:].split("L"))
    assert height[0] - height[1] == pytest.approx(start - end, abs=0.2), "ingest grows as the patients do"
    assert "prefers-color-scheme: dark" in figure(rows)
