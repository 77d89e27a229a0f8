import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehrgen.data.disclosure import small_of_whole
from ehrgen.metrics.portrait import published


@given(st.lists(st.integers(0, 40), min_size=1, max_size=8))
def test_hidden_parts_never_tell_of_1_to_10_even_together(counts: list[int]):
    counts = np.array(counts)
    hidden = small_of_whole(counts)
    assert hidden[(counts > 0) & (counts < 11)].all()
    most = counts[hidden].sum() - (hidden.sum() - 1)
    assert not hidden.any() or most >= 10 or hidden[counts > 0].all(), "only where nothing else is left to hide"
    assert not hidden[counts == 0].any()


def test_nothing_is_hidden_without_small_parts():
    assert not small_of_whole(np.array([0, 11, 500])).any()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_not_published(value: float):
    assert published(np.array([0.123456, value, 1.0]), np.array([False, False, True])) == [0.1235, None, None]
