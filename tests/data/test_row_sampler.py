import numpy as np
import pytest
from scipy import sparse

from ehrgen.data.simulation.row_sampler import RowSampler

WEIGHTS = np.array([[1.0, 0.0, 3.0], [0.0, 0.0, 0.0], [0.0, 2.0, 0.0]])


def test_columns_come_in_proportion_and_never_without_weight():
    row = np.repeat([0, 1, 2], 4000)
    column = RowSampler.of(WEIGHTS).draw(row, np.random.default_rng(0))
    assert np.mean(column[row == 0] == 2) == pytest.approx(0.75, abs=0.02)
    assert set(column[row == 0]) == {0, 2}
    assert set(column[row == 1]) == {-1}, "nothing to draw"
    assert set(column[row == 2]) == {1}


def test_sparse_and_dense_weights_are_the_same():
    sparsely, densely = (RowSampler.of(one) for one in (sparse.csr_array(WEIGHTS), WEIGHTS))
    row = np.random.default_rng(1).integers(3, size=100)
    drawn = [sampler.draw(row, np.random.default_rng(2)) for sampler in (sparsely, densely)]
    assert (drawn[0] == drawn[1]).all()
    assert sparsely.total(np.array([0, 1, 2])).tolist() == [4, 0, 2]


def test_distinct_draws_by_hand():
    # without replacement from weights 1, 1, 2: the heavy one is among two of three with 1/2 + 1/2 x 2/3
    sampler, size = RowSampler.of(np.array([[1.0, 1.0, 2.0], [1.0, 0.0, 0.0]])), np.array([2] * 6000 + [1, 0])
    row = np.array([0] * 6000 + [1, 1])
    sets = sampler.distinct(row, size, np.random.default_rng(0)).toarray()
    assert sets.sum(axis=1).tolist() == size.tolist()
    assert sets[:6000, 2].mean() == pytest.approx(5 / 6, abs=0.015)
    assert sets[6000].tolist() == [1, 0, 0]


def test_a_seed_repeats_a_draw():
    draws = [RowSampler.of(WEIGHTS).draw(np.zeros(50, np.int64), np.random.default_rng(seed)) for seed in (0, 0, 1)]
    assert (draws[0] == draws[1]).all() and (draws[0] != draws[2]).any()
