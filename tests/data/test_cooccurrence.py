from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehrgen.data.icd9 import codes as icd9
from ehrgen.data.sequences import cooccurrence
from ehrgen.data.sequences.vocabulary import Vocabulary
from tests.support.cohorts import cohort
from tests.support.sequences import RECORDS, Record, few, from_records, sequences_of

# Visits: hypertension with diabetes twice (once with two hypertension codes), pneumonia alone, pneumonia with both.
BY_HAND = cohort([["4010 4019 25000", "4019 25000"], ["486"], ["486 4019 25000"]])


def test_by_hand():
    matrices = cooccurrence.count(sequences_of(BY_HAND))
    code, category = matrices["code"], matrices["category"]
    assert code.labels == ("25000", "4010", "4019", "486")
    assert code.pairs.toarray().tolist() == [[0, 1, 3, 1], [1, 0, 1, 0], [3, 1, 0, 1], [1, 0, 1, 0]]
    assert code.visits_with.tolist() == [3, 1, 3, 2]
    assert category.labels == ("250", "401", "486")
    assert category.pairs.toarray().tolist() == [[0, 3, 1], [3, 1, 1], [1, 1, 0]]
    assert category.visits_with.tolist() == [3, 3, 2]
    assert code.visits == category.visits == 4


def counted(visits: list[set[str]], labels: tuple[str, ...], named: dict[str, str]) -> np.ndarray:
    """Visits that hold two codes with these two names, in three loops; `named` maps a code to its label."""
    expected = np.zeros((len(labels), len(labels)), dtype=int)
    for codes in visits:
        pairs = {tuple(sorted((named[a], named[b]))) for a, b in combinations(codes, 2)}
        for first, second in pairs:
            expected[labels.index(first), labels.index(second)] += 1
            if first != second:
                expected[labels.index(second), labels.index(first)] += 1
    return expected


@few
@given(RECORDS)
def test_counts_equal_a_nested_loop(records: list[Record]):
    sequences = sequences_of(from_records(records))
    visits = [set(codes) for patient in records for codes in patient]
    codes = sequences.vocabulary.codes
    names = {
        "code": {code: code for code in codes},
        "category": dict(zip(codes, icd9.category(list(codes)).tolist(), strict=True)),
    }
    for space, matrix in cooccurrence.count(sequences).items():
        dense = matrix.pairs.toarray()
        np.testing.assert_array_equal(dense, counted(visits, matrix.labels, names[space]))
        np.testing.assert_array_equal(dense, dense.T)
        with_label = [sum(any(names[space][c] == label for c in v) for v in visits) for label in matrix.labels]
        assert matrix.visits_with.tolist() == with_label
        assert matrix.visits == len(visits)


def test_a_matrix_refuses_the_other_space_and_other_labels():
    matrices = cooccurrence.count(sequences_of(BY_HAND))
    labels = matrices["category"].labels
    assert matrices["category"].require("category", labels) is matrices["category"]
    with pytest.raises(ValueError, match="category matrix cannot be indexed by code"):
        matrices["category"].require("code", labels)
    with pytest.raises(ValueError, match="other labels"):
        matrices["category"].require("category", ("250", "401"))
    with pytest.raises(ValueError, match="other labels"):
        matrices["code"].require("code", labels)


def test_penalty_by_hand():
    matrices = cooccurrence.count(sequences_of(BY_HAND))
    expected = [[2, 0, 1], [0, 1, 1], [1, 1, 2]]  # 2 / (count + 1) where count < 2
    assert matrices["category"].penalty(2).tolist() == expected
    first, second = np.array([0, 0, 0, 3]), np.array([1, 2, 3, 3])
    assert matrices["code"].pair_penalty(first, second, 2).tolist() == [1, 0, 1, 2]
    with pytest.raises(ValueError, match="quadratic"):
        matrices["code"].penalty(2)


@few
@given(RECORDS, st.floats(0.5, 6))
def test_penalty_of_listed_pairs_is_the_dense_one(records: list[Record], threshold: float):
    category = cooccurrence.count(sequences_of(from_records(records)))["category"]
    dense = category.penalty(threshold)
    first, second = np.indices(dense.shape)
    np.testing.assert_array_equal(category.pair_penalty(first.ravel(), second.ravel(), threshold), dense.ravel())
    assert dense.min() >= 0 and dense.max() <= threshold


def test_npmi_by_hand():
    # Always together: 1. Independent: 0. Of four visits p(ab) = 1/4, p(a) = 3/4, p(b) = 1/2: log(2/3) / log 4.
    certain = cooccurrence.count(sequences_of(cohort([["4019 486"], ["486 4019"]])))["code"].npmi()
    assert certain.toarray().tolist() == [[0, 1], [1, 0]]
    together = cooccurrence.count(sequences_of(cohort([["4019 486"], ["25000"]])))["code"].npmi()
    assert together.toarray() == pytest.approx(np.array([[0, 0, 0], [0, 0, 1], [0, 1, 0]]))
    independent = cooccurrence.count(sequences_of(cohort([["4019 486"], ["4019"], ["486"], ["25000"]])))["code"].npmi()
    assert independent.toarray() == pytest.approx(np.zeros((3, 3)))
    apart = cooccurrence.count(sequences_of(cohort([["4019 486"], ["4019", "4019"], ["486"]])))["code"].npmi()
    assert apart[0, 1] == apart[1, 0] == pytest.approx(np.log(2 / 3) / np.log(4))


@few
@given(RECORDS)
def test_npmi_has_its_range(records: list[Record]):
    for matrix in cooccurrence.count(sequences_of(from_records(records))).values():
        value = matrix.npmi().tocoo()
        apart = value.data[value.coords[0] != value.coords[1]]  # two codes of one category are no pair of labels
        assert ((apart > -1) & (apart <= 1 + 1e-12)).all()


def test_loading_gives_what_was_saved(tmp_path):
    sequences = sequences_of(BY_HAND)
    matrices = cooccurrence.count(sequences)
    cooccurrence.save(matrices, tmp_path / "cooccurrence.npz")
    loaded = cooccurrence.load(tmp_path / "cooccurrence.npz", sequences.vocabulary)
    for space, matrix in matrices.items():
        assert loaded[space].require(space, matrix.labels).visits == matrix.visits
        assert (loaded[space].pairs != matrix.pairs).nnz == 0
        np.testing.assert_array_equal(loaded[space].visits_with, matrix.visits_with)


def test_another_vocabulary_does_not_fit(tmp_path):
    cooccurrence.save(cooccurrence.count(sequences_of(BY_HAND)), tmp_path / "cooccurrence.npz")
    with pytest.raises(ValueError):
        cooccurrence.load(tmp_path / "cooccurrence.npz", Vocabulary(("25000",), (1,)))


def smoothed(records: list[list[str]]) -> np.ndarray:
    return cooccurrence.count(sequences_of(cohort(records)))["category"].smoothed_npmi()


def test_smoothed_npmi_by_hand():
    # Always together: 1. Independent, 1 visit of 4 where 2 x 2 / 4 are expected: 0.
    assert smoothed([["4019 486"], ["486 4019"]])[0, 1] == 1
    assert smoothed([["4019 486"], ["4019"], ["486"], ["25000"]])[1, 2] == 0
    # Never together in 4 visits. Each in one, expected 1/4 visit: (0 + 1) / 5 against (1/4 + 1) / 5, little to learn.
    assert smoothed([["4019"], ["486"], ["25000"], ["25000"]])[1, 2] == pytest.approx(np.log(0.8) / np.log(5))
    # Each in 50 of 100: (0 + 1) / 101 against (25 + 1) / 101.
    assert smoothed([["4019"], ["486"]] * 50)[0, 1] == pytest.approx(-np.log(26) / np.log(101))


def test_smoothed_npmi_of_many_visits_is_npmi():
    visits = [["4019 486 25000"], ["4019"], ["486 25000"], ["5849 4019"], ["5849"]]
    category = cooccurrence.count(sequences_of(cohort(visits * 400)))["category"]
    seen = category.npmi().tocoo()
    first, second = seen.coords
    np.testing.assert_allclose(category.smoothed_npmi()[first, second], seen.data, atol=0.005)


@few
@given(RECORDS)
def test_smoothed_npmi_has_its_range_and_is_symmetric(records: list[Record]):
    value = cooccurrence.count(sequences_of(from_records(records)))["category"].smoothed_npmi()
    assert value.min() >= -1 - 1e-6 and value.max() <= 1 + 1e-6
    np.testing.assert_array_equal(value, value.T)


def test_smoothed_npmi_of_codes_is_refused():
    with pytest.raises(ValueError, match="quadratic"):
        cooccurrence.count(sequences_of(BY_HAND))["code"].smoothed_npmi()
