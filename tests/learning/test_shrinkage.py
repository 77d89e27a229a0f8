import numpy as np
import pytest

from ehrgen.learning.training.shrinkage import shrunken


def even(rows: int) -> np.ndarray:
    return np.full((rows, 2), 0.5)


def test_without_counts_a_share_is_what_is_usual():
    usual = np.array([[0.2, 0.8], [3.0, 1.0]])
    assert shrunken(np.zeros((2, 2)), usual) == pytest.approx(np.array([[0.2, 0.8], [0.75, 0.25]]))


def test_rows_that_are_alike_draw_each_other_to_what_is_usual():
    """400 rows of 20 fair throws: a row that happened to show 15 heads is hardly believed."""
    counts = np.random.default_rng(0).binomial(20, 0.5, 400)
    share = shrunken(np.stack([counts, 20 - counts], axis=1), even(400))
    assert np.abs(share - 0.5).max() < 0.1 < np.abs(counts / 20 - 0.5).max()
    assert share.sum(axis=1) == pytest.approx(np.ones(400))


def test_rows_that_are_all_or_nothing_are_believed_at_once():
    """Half of the rows come in women alone, half in men alone: three observations of one sex are enough."""
    counts = np.repeat([[20.0, 0.0], [0.0, 20.0], [3.0, 0.0], [0.0, 1.0]], 50, axis=0)
    share = shrunken(counts, even(200))
    assert share[[0, 50, 100, 150], [1, 0, 1, 0]].max() < 0.02


def test_a_mixture_of_both_is_told_apart_by_counts():
    rng = np.random.default_rng(0)
    fair = rng.binomial(20, 0.5, 300)
    counts = np.concatenate([np.stack([fair, 20 - fair], axis=1), np.repeat([[20, 0]], 60, axis=0), [[2, 0]]])
    share = shrunken(counts, even(len(counts)))
    assert np.abs(share[:300] - 0.5).max() < 0.15 and share[300, 1] < 0.01
    assert 0.1 < share[-1, 1] < 0.45  # two of one sex: perhaps such a row, perhaps chance
