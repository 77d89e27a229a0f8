import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import spearmanr
from sklearn.metrics import r2_score

from ehrgen.metrics.statistics import agreement
from ehrgen.metrics.table.suite import NotJudged

pairs = st.integers(3, 30).flatmap(
    lambda n: st.tuples(*[st.lists(st.integers(0, 6), min_size=n, max_size=n).map(np.array)] * 2)
)


@given(pairs)
def test_equals_the_references(both: tuple[np.ndarray, np.ndarray]):
    x, y = both
    if x.std() and y.std():
        assert agreement.spearman(x, y, "code") == pytest.approx(spearmanr(x, y).statistic)
        assert agreement.r2(x, y, "code") == pytest.approx(r2_score(x, y))
    if x.sum() and y.sum():
        assert agreement.jensen_shannon(x, y) == pytest.approx(jensenshannon(x, y, base=2) ** 2, abs=1e-9)


@pytest.mark.parametrize("of", [agreement.correlation, agreement.spearman])
def test_no_correlation_with_a_constant(of):
    with pytest.raises(NotJudged, match="every thing has the same value"):
        of(np.array([1.0, 2.0]), np.array([3.0, 3.0]), "thing")


def test_r2_of_nothing():
    with pytest.raises(NotJudged, match="or there is none"):
        agreement.r2(np.array([]), np.array([]), "code")


def test_divergence_of_two_samples_of_one_law_is_its_bias():
    rng, codes, n, m = np.random.default_rng(0), 50, 4000, 2000
    law = rng.dirichlet(np.full(codes, 20.0))
    found = [agreement.jensen_shannon(rng.multinomial(n, law), rng.multinomial(m, law)) for _ in range(200)]
    assert np.mean(found) == pytest.approx(agreement.jensen_shannon_bias(codes, n, m), rel=0.05)
