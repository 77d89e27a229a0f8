import numpy as np
import pytest

from ehrgen.metrics.statistics import tasks
from tests.support.cohorts import cohort, population, renumbered

RECORDS = [["4019 25000 486", "4280"], ["486"]]
TWO = cohort(RECORDS, sex="FM", age=[50, 80])


def by_name(kind: str, patients=TWO) -> dict[str, tasks.Question]:
    return {one.what: one for one in tasks.questions(kind, patients, patients)}


def test_a_hidden_condition_leaves_no_trace():
    asked = by_name("hidden")
    assert set(asked) == set(tasks.CONDITIONS)
    one = asked["hypertension"]
    row = int(np.flatnonzero(one.answer)[0])
    assert one.answer.sum() == 1
    # the categories left: 250, 428, 486; then man, age, ln(1 + 2 codes)
    assert one.columns.shape == (3, 3 + 3)
    assert one.columns[row, -3:] == pytest.approx([0, 0.5, np.log(3)])
    unhidden = cohort([["25000 486", "4280"], ["486"]], sex="FM", age=[50, 80])
    again = by_name("hidden", unhidden)["hypertension"]
    assert sorted(one.columns.tolist()) == sorted(again.columns.tolist())


def test_next_and_second_by_hand():
    (here,) = {len(one.answer) for one in by_name("next").values()}
    assert here == 1  # one patient has a next visit
    assert by_name("next")["heart failure"].answer.tolist() == [True]
    assert by_name("next")["hypertension"].answer.tolist() == [False]
    second = by_name("second")["second visit"]
    assert sorted(second.answer.tolist()) == [False, True]
    assert second.columns.shape == (2, 4 + 3)


def test_columns_are_the_commonest_of_the_reference():
    reference = cohort([["486 4019"], ["486"], ["V270 486 4019"]])
    one = tasks.questions("second", TWO, reference)[0]
    assert one.columns.shape == (2, 3 + 3)
    with_pneumonia_first = one.columns[:, 0]
    assert with_pneumonia_first.tolist() == [1, 1]


def test_the_order_of_patients_does_not_count():
    patients = population(100, 1)
    for kind in ("hidden", "next", "second"):
        moved = tasks.questions(kind, renumbered(patients, 2), patients)
        for one, other in zip(tasks.questions(kind, patients, patients), moved, strict=True):
            assert np.array_equal(one.columns, other.columns) and np.array_equal(one.answer, other.answer)


def test_no_model_where_all_answers_agree():
    train = cohort([["486"], ["4280"]])
    hypertension, *_, coronary = tasks.scores("hidden", train, TWO, TWO)
    assert not hypertension.any() and not coronary.any()


def test_together_keeps_everybody():
    both = tasks.together(TWO, TWO.take([1]))
    assert len(both) == 3
    assert both.diagnoses["code"].tolist() == ["4019", "25000", "486", "4280", "486", "486"]


def test_an_unknown_kind_is_named():
    with pytest.raises(ValueError, match="unknown kind of question 'first'; there are hidden, next, second"):
        tasks.questions("first", TWO, TWO)
