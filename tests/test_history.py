import csv
from dataclasses import fields

import pytest

from ehrgen.learning import history
from ehrgen.learning.history import Epoch, Row


def epoch_by_hand() -> list[Row]:
    """Two steps, the second with three times as many positions; gradients measured in both."""
    tally = Epoch()
    tally.add({"lm": 2.0, "sex": 1.0}, 0.5)
    tally.add_norms({"lm": 3.0, "sex": 0.0})
    tally.add({"lm": 6.0, "sex": 0.2}, 1.5)
    tally.add_norms({"lm": 1.0, "sex": 8.0})
    return tally.rows(4, {"lm": 1.0, "sex": 2.5}, 3.25)


def test_by_hand():
    # lm: (0.5 x 2 + 1.5 x 6) / 2 = 5. sex: (0.5 + 0.3) / 2 = 0.4, weighted 1. Gradients: 2 and 2.5 x 4 = 10.
    lm, sex = epoch_by_hand()
    assert (lm.epoch, lm.objective, sex.epoch, sex.objective) == (4, "lm", 4, "sex")
    assert [lm.value, lm.weight, lm.weighted, lm.share] == pytest.approx([5, 1, 5, 5 / 6])
    assert [sex.value, sex.weight, sex.weighted, sex.share] == pytest.approx([0.4, 2.5, 1, 1 / 6])
    assert [lm.grad_norm, lm.grad_share, sex.grad_norm, sex.grad_share] == pytest.approx([2, 1 / 6, 4, 5 / 6])
    assert lm.validation_nll == sex.validation_nll == 3.25


def test_shares_sum_to_one():
    rows = epoch_by_hand()
    assert sum(row.share for row in rows) == pytest.approx(1)
    assert sum(row.grad_share for row in rows) == pytest.approx(1)


def test_the_table_has_a_row_an_objective(tmp_path):
    path = tmp_path / "new" / "0.csv"
    history.write(epoch_by_hand(), path)
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["objective"] for row in rows] == ["lm", "sex"]
    assert list(rows[0]) == [field.name for field in fields(Row)]
    assert rows[0]["share"] == "0.833333" and rows[1]["weighted"] == "1"
