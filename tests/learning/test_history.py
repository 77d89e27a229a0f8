import csv
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehrgen.learning.training import history
from ehrgen.learning.training.history import Epoch, Means, Row

WEIGHTS = {"lm": 1.0, "sex": 2.5}


def epoch_by_hand() -> list[Row]:
    """Two steps, the second with three times as many positions; gradients measured in both."""
    tally = Epoch()
    for norms, cosines, values, share in (
        ({"lm": 3.0, "sex": 0.0}, {"lm": 1.0}, {"lm": 2.0, "sex": 1.0}, 0.5),
        ({"lm": 1.0, "sex": 8.0}, {"lm": 1.0, "sex": -0.5}, {"lm": 6.0, "sex": 0.2}, 1.5),
    ):
        tally.add(values, WEIGHTS, share)
        tally.add_gradients(norms, cosines, WEIGHTS, values)
    return tally.rows(4, 3.25)


def test_by_hand():
    # lm: (0.5 x 2 + 1.5 x 6) / 2 = 5. sex: (0.5 + 0.3) / 2 = 0.4, weighted 1. Gradients: 2 and 2.5 x 4 = 10.
    lm, sex = epoch_by_hand()
    assert (lm.epoch, lm.objective, sex.epoch, sex.objective) == (4, "lm", 4, "sex")
    assert [lm.value, lm.weight, lm.weighted, lm.share] == pytest.approx([5, 1, 5, 5 / 6])
    assert [sex.value, sex.weight, sex.weighted, sex.share] == pytest.approx([0.4, 2.5, 1, 1 / 6])
    assert [lm.grad_norm, lm.grad_share, sex.grad_norm, sex.grad_share] == pytest.approx([2, 1 / 6, 4, 5 / 6])
    assert (lm.grad_cosine, sex.grad_cosine) == (1, -0.5)  # of the one step that had both
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


def test_what_was_not_measured_is_empty(tmp_path):
    tally = Epoch()
    tally.add({"lm": 2.0, "cooccur": 1.0}, WEIGHTS | {"cooccur": 1.0}, 1.0)
    tally.add_gradients({"lm": 1.0, "cooccur": 0.0}, {"lm": 1.0}, WEIGHTS | {"cooccur": 1.0}, ["lm", "cooccur"])
    history.write(tally.rows(1, 3.0), tmp_path / "0.csv")
    with (tmp_path / "0.csv").open(newline="", encoding="utf-8") as stream:
        assert [row["grad_cosine"] for row in csv.DictReader(stream)] == ["1", ""]


def test_moving_weights_by_hand():
    """One position at weight 1 and three at 0.2, values 4 and 8: weighted (4 + 3 x 1.6) / 4 = 2.2, not 0.4 x 7."""
    tally = Epoch()
    for weight, value, positions in ((1.0, 4.0, 1.0), (0.2, 8.0, 3.0)):
        tally.add({"lm": value}, {"lm": weight}, positions)
        tally.add_gradients({"lm": 2.0}, {}, {"lm": weight}, ["lm"])
    (row,) = tally.rows(1, 3.0)
    assert [row.value, row.weight, row.weighted] == pytest.approx([7, 0.4, 2.2])


@given(st.floats(1e-6, 1e6), st.lists(st.floats(1e-3, 1e3), min_size=1))
def test_a_mean_of_equal_numbers_is_that_number(value: float, weights: list[float]):
    means = Means()
    for weight in weights:
        means.add({"lm": value}, weight)
    assert means.mean == {"lm": value}


@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3)), min_size=1))
def test_means_agree_with_numpy(pairs: list[tuple[float, float]]):
    means = Means()
    for value, weight in pairs:
        means.add({"lm": value}, weight)
    values, weights = zip(*pairs, strict=True)
    assert means.mean["lm"] == pytest.approx(np.average(values, weights=weights), rel=1e-9, abs=1e-6)


@pytest.mark.parametrize(
    ("value", "norms", "weight", "scored", "constant"),
    [
        (0.5, [0.0, 0.0], 1.0, True, True),
        (0.5, [0.0, 1e-12], 1.0, True, False),
        (0.5, [0.0, 0.0], 0.0, True, False),  # it has no weight to waste
        (0.0, [0.0, 0.0], 1.0, True, False),  # solved
        (0.5, [0.0, 0.0], 1.0, False, False),  # no measured step had a term of it
    ],
)
def test_constants_are_told_from_what_has_a_reason_for_no_gradient(value, norms, weight, scored, constant):
    tally = Epoch()
    weights = {"lm": 1.0, "sex": weight}
    for norm in norms:
        tally.add({"lm": 2.0, "sex": value}, weights, 1.0)
        tally.add_gradients({"lm": 1.0, "sex": norm}, {}, weights, ["lm", "sex"] if scored else ["lm"])
    assert tally.constants() == ({"sex"} if constant else set())


def test_further_columns_are_filled_by_objective(tmp_path):
    tally = Epoch()
    tally.add({"lm": 2.0, "sex": 1.0}, WEIGHTS, 1.0)
    tally.add_gradients({"lm": 1.0, "sex": 1.0}, {}, WEIGHTS, ["lm", "sex"])
    history.write(tally.rows(1, 3.0, {"sex": {"majority": 0.75, "accuracy": None}}), tmp_path / "0.csv")
    with (tmp_path / "0.csv").open(newline="", encoding="utf-8") as stream:
        lm, sex = csv.DictReader(stream)
    assert (lm["majority"], sex["majority"], sex["accuracy"]) == ("", "0.75", "")


def test_a_row_as_written_is_what_the_file_says(tmp_path):
    row = Row(1, "lm", 1 / 3, 1.0, 2e-7 / 3, 1.0, 1.0, 1.0, None, 123456.789)
    history.write([row], tmp_path / "0.csv")
    with (tmp_path / "0.csv").open(newline="", encoding="utf-8") as stream:
        (read,) = csv.DictReader(stream)
    written = row.as_written()
    for name in ("value", "weighted", "validation_nll"):
        assert getattr(written, name) == float(read[name]) != getattr(row, name)
    assert written.grad_cosine is None and written.objective == "lm"
