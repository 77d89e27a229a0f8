import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import cohort, population
from scipy.stats import ks_2samp, wasserstein_distance
from sklearn.metrics import r2_score

from ehrgen.metrics import fidelity, incidence
from ehrgen.metrics.suite import NotJudged

whole_numbers = st.lists(st.integers(0, 40), min_size=2, max_size=60).map(np.array)


def test_unigram_r2_by_hand():
    real = cohort([["4019"], ["4019"], ["4019 486"], ["4019"]])  # shares 1 and 1/4, mean 5/8
    synthetic = cohort([["4019"], ["4019 486"], ["4019"], ["486"]])  # shares 3/4 and 1/2
    assert fidelity.unigram_r2(real, synthetic) == pytest.approx(1 - (1 / 16 + 1 / 16) / (2 * 9 / 64))


def test_pair_r2_by_hand():
    real = cohort([["4011 4012"], ["4011 4012"], ["4011 4013"], ["486"]])
    synthetic = cohort([["4011 4012"], ["4012 4013"], ["486"], ["486"]])
    # union of pairs: (11, 12) 1/2 against 1/4, (11, 13) 1/4 against 0, (12, 13) 0 against 1/4; mean 1/4
    assert fidelity.pair_r2(real, synthetic) == pytest.approx(1 - (3 / 16) / (2 / 16))


def test_r2_equals_the_reference():
    real, synthetic = population(300, 1), population(300, 2)
    p, q = (visits.toarray() for visits in incidence.visit_codes(real, synthetic))
    assert fidelity.unigram_r2(real, synthetic) == pytest.approx(r2_score(p.mean(axis=0), q.mean(axis=0)))
    upper = np.triu_indices(p.shape[1], k=1)
    first, second = ((visits.T @ visits / len(visits))[upper] for visits in (p, q))
    union = (first > 0) | (second > 0)
    assert fidelity.pair_r2(real, synthetic) == pytest.approx(r2_score(first[union], second[union]))


@pytest.mark.parametrize("name", ["unigram_r2", "pair_r2"])
def test_r2_without_variance_is_not_judged(name: str):
    same = cohort([["4019 486"], ["4019 486"]])
    with pytest.raises(NotJudged, match="equally frequent"):
        getattr(fidelity, name)(same, same)


def test_pairs_need_a_visit_with_two_codes():
    with pytest.raises(NotJudged, match="or there is none"):
        fidelity.pair_r2(cohort([["4019"]]), cohort([["486"]]))


def test_lengths_by_hand():
    real, synthetic = cohort([["4019 486", "4019"], ["486"]]), cohort([["4019"], ["486"]])
    assert fidelity.codes_per_visit(real, synthetic) == 1
    assert fidelity.visits_per_patient(synthetic, real) == 1.5
    assert fidelity.codes_per_visit_w1(real, synthetic) == pytest.approx(1 / 3)
    assert fidelity.codes_per_visit_tv(real, synthetic) == pytest.approx(1 / 3)
    assert fidelity.codes_per_visit_ks(real, synthetic) == pytest.approx(1 / 3)
    assert fidelity.visits_per_patient_w1(real, synthetic) == pytest.approx(1 / 2)
    assert fidelity.visits_per_patient_tv(real, synthetic) == pytest.approx(1 / 2)
    assert fidelity.visits_per_patient_ks(real, synthetic) == pytest.approx(1 / 2)


@given(whole_numbers, whole_numbers)
def test_distances_equal_the_references(first: np.ndarray, second: np.ndarray):
    assert fidelity.wasserstein(first, second) == pytest.approx(wasserstein_distance(first, second), abs=1e-12)
    statistic = ks_2samp(first, second, method="asymp").statistic
    assert fidelity.kolmogorov_smirnov(first, second) == pytest.approx(statistic, abs=1e-12)
    shares = [np.bincount(values, minlength=41) / len(values) for values in (first, second)]
    assert fidelity.total_variation(first, second) == pytest.approx(np.maximum(*shares).sum() - 1, abs=1e-12)
