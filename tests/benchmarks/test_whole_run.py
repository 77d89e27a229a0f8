import json
from pathlib import Path

import pytest

from benchmarks.whole_run import lines_of, where_it_went
from ehrgen.workflow.call import COSTS


def line(stage: str, cpu: float, below: float = 0.0, **parts: float) -> dict:
    return {"stage": stage, "loading": 0.5, "parts": parts, "cpu": cpu, "below": below, "seconds": 1.0}


WHOLE = [
    line("ingest", 2.0),
    line("train@a-0", 20.5, epochs=15.0, attribution=2.0, probes=1.0),
    line("sample@a-0", 6.5, sampling=4.0, likelihoods=1.0),
    line("evaluate@a-0", 4.5, fidelity=1.0, privacy=2.0),
    line("anchor", 7.5, jackknife=2.0, fidelity=1.0),
    line("standby", 3.5, 40.0),
    line("compare", 1.5),
    line("repro", 1.5, 50.0),
]


def test_every_second_has_one_place():
    table = where_it_went(WHOLE)
    seconds = {name: row["cpu"] for name, row in table.items() if row["cpu"]}
    assert seconds == {
        "training": 17.0,  # 15 of epochs, and 2 that have no name
        "attribution and probes": 3.0,
        "imports": 8 * 0.5 + 3.0,
        "DVC": 50.0 - 46.0,
        "planning and watching": 1.0,
        "preparing patients": 1.5,
        "sampling": 4.0,
        "likelihoods of real patients": 1.0,
        "reading and writing samples": 1.0,
        "metrics: fidelity": 1.0,
        "metrics: privacy": 2.0,
        "reading what is measured, portraits": 1.0,
        "anchors": 7.0,
        "reports": 1.0,
        "all": 51.5,
    }
    assert sum(seconds.values()) == 2 * seconds["all"] and table["all"]["share"] == 1


def keep(lines: list[dict], folder: Path, began: str) -> None:
    path = folder / COSTS / f"{began}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(one) + "\n" for one in lines), encoding="utf-8")


@pytest.mark.parametrize("missing", ["train@a-0", "evaluate@a-0", "repro", "epochs"])
def test_a_run_that_did_not_do_all_is_passed_over(missing: str, tmp_path: Path):
    kept = [dict(one) for one in WHOLE if one["stage"] != missing]
    for one in kept:
        one["parts"] = {name: took for name, took in one["parts"].items() if name != missing}
    keep(kept, tmp_path, "2026-11-25T160000")
    with pytest.raises(ValueError, match="no whole run"):
        lines_of(tmp_path)
    keep(WHOLE, tmp_path, "2026-11-25T150000")
    assert lines_of(tmp_path) == WHOLE


def test_where_nothing_has_run_there_is_nothing_to_read(tmp_path: Path):
    with pytest.raises(ValueError, match="no whole run"):
        lines_of(tmp_path)
