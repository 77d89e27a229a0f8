import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from ehrgen.metrics.statistics import ranking

cases = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=40).filter(
    lambda found: 0 < sum(positive for positive, _ in found) < len(found)
)


def arrays(found: list[tuple[bool, int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([positive for positive, _ in found]), np.array([float(score) for _, score in found])


@given(cases)
def test_equals_the_reference(found):
    positive, score = arrays(found)
    assert ranking.auroc(positive, score) == pytest.approx(roc_auc_score(positive, score))
    assert ranking.average_precision(positive, score) == pytest.approx(average_precision_score(positive, score))
    fpr, tpr, _ = roc_curve(positive, score, drop_intermediate=False)
    for limit in (0.013, 0.29, 0.77):  # no fraction of up to 40 negatives, so the curve is not vertical there
        assert ranking.tpr_at_fpr(positive, score, limit) == pytest.approx(np.interp(limit, fpr, tpr))


def test_a_resample_is_the_cases_it_drew():
    rng = np.random.default_rng(0)
    positive, score = rng.random(60) < 0.3, rng.integers(0, 9, 60).astype(float)
    times = rng.poisson(1, (5, 60))
    for measure in (ranking.auroc, ranking.average_precision):
        resampled = getattr(ranking, f"{measure.__name__}_of_resamples")(positive, score, times)
        for row, value in zip(times, resampled, strict=True):
            assert value == pytest.approx(measure(np.repeat(positive, row), np.repeat(score, row)))


def test_all_tied_is_a_coin():
    positive, score = np.array([True, False, False, False]), np.zeros(4)
    assert ranking.auroc(positive, score) == 0.5
    assert ranking.average_precision(positive, score) == 0.25
    assert ranking.tpr_at_fpr(positive, score, 0.01) == pytest.approx(0.01)


def test_tpr_at_a_threshold_takes_all_positives_above():
    positive, score = np.array([True, False, True, False]), np.array([4.0, 3.0, 2.0, 1.0])
    assert ranking.tpr_at_fpr(positive, score, 0.0) == 0.5
    assert ranking.tpr_at_fpr(positive, score, 0.5) == 1.0
    assert ranking.tpr_at_fpr(positive, score, 1.0) == 1.0


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="3 of 3 cases are positive: a ranking needs both classes"):
        ranking.auroc(np.ones(3, dtype=bool), np.arange(3.0))


def test_half_width_by_hand():
    assert ranking.half_width(np.arange(41.0)) == pytest.approx(19)  # the 2.5 % and 97.5 % points are 1 and 39
