"""Expectations against every draw there is, and against scipy where there are too many."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hypergeom

from ehrgen.metrics.statistics import rarefaction

small_counts = st.lists(st.integers(0, 4), min_size=1, max_size=4).filter(any).map(np.array)


@given(small_counts, st.data())
def test_rarefaction_equals_enumeration(counts: np.ndarray, data: st.DataObject):
    tokens = data.draw(st.integers(1, int(counts.sum())))
    bag = np.repeat(np.arange(len(counts)), counts)
    draws = [np.unique(draw, return_counts=True)[1] for draw in combinations(bag, tokens)]
    distinct = np.mean([len(draw) for draw in draws])
    entropy = np.mean([-(draw / tokens * np.log(draw / tokens)).sum() for draw in draws])
    assert rarefaction.distinct(counts, tokens) == pytest.approx(distinct)
    assert rarefaction.effective(counts, tokens) == pytest.approx(np.exp(entropy))


def test_rarefaction_of_many_tokens_equals_scipy():
    counts = np.random.default_rng(0).zipf(1.3, size=300).clip(max=4000)
    total, tokens = int(counts.sum()), int(counts.sum()) // 3
    distinct = (1 - hypergeom.pmf(0, total, counts, tokens)).sum()
    k = np.arange(1, 4001)
    seen = sum(hypergeom.pmf(k, total, count, tokens) for count in counts)
    assert rarefaction.distinct(counts, tokens) == pytest.approx(distinct)
    effective = np.exp(-(seen * k / tokens * np.log(k / tokens)).sum())
    assert rarefaction.effective(counts, tokens) == pytest.approx(effective)
