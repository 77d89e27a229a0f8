from pathlib import Path

import pytest

from ehrgen.findings.statistics.attribution import HistoryError, final_epoch, load, mean_over_seeds

TEXT = """\
epoch,step,objective,value,weight,share,grad_norm,more
1,10,lm,9,1,1.0,5,x
1,10,sex,9,0.5,0.0,5,x
2,20,lm,2,1,0.8,3,x
2,20,sex,1,0.5,0.2,,x
"""


def written(folder: Path, text: str) -> Path:
    (folder / "0.csv").write_text(text)
    return folder / "0.csv"


def test_last_epoch_of_each_objective(tmp_path: Path):
    assert final_epoch(load(written(tmp_path, TEXT))) == {
        "lm": {"value": 2, "weight": 1, "share": 0.8, "grad_norm": 3},
        "sex": {"value": 1, "weight": 0.5, "share": 0.2},  # not measured is absent, not 0
    }


def test_the_last_epoch_is_a_number_not_a_text():
    rows = [{"epoch": epoch, "objective": "lm", "value": epoch} for epoch in ("9", "10")]
    assert final_epoch(rows) == {"lm": {"value": 10}}


def test_mean_over_seeds():
    seeds = [[{"epoch": "1", "objective": "lm", "value": value}] for value in ("1", "2")]
    assert mean_over_seeds(seeds) == {"lm": {"value": 1.5}}
    assert mean_over_seeds([]) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "no rows"), ("epoch,value\n1,2\n", "column objective missing; found epoch, value")],
)
def test_a_broken_history_is_named(tmp_path: Path, text: str, message: str):
    with pytest.raises(HistoryError, match=rf"0\.csv: {message}"):
        load(written(tmp_path, text))


@pytest.mark.parametrize("value", ["nan", "inf", "much"])
def test_values_must_be_finite_numbers(value: str):
    with pytest.raises(HistoryError, match=f"value holds '{value}'"):
        final_epoch([{"epoch": "1", "objective": "lm", "value": value}])
