import numpy as np

from ehrgen.data.indicator import indicator, membership


def test_a_pair_named_twice_is_one_and_columns_ascend():
    found = indicator(np.array([1, 0, 1, 1]), np.array([2, 1, 0, 2]), (3, 4), np.float32)
    assert found.dtype == np.float32
    assert found.indptr.tolist() == [0, 1, 3, 3]
    assert found.indices.tolist() == [1, 0, 2]
    assert set(found.data) == {1}


def test_membership_sums_the_rows_of_each_group():
    rows = np.array([[1, 2], [10, 20], [100, 200]])
    assert (membership(np.array([2, 0, 2]), 4) @ rows).tolist() == [[10, 20], [0, 0], [101, 202], [0, 0]]
