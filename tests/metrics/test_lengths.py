import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp, wasserstein_distance

from ehrgen.metrics.families import lengths
from tests.support.cohorts import cohort

whole_numbers = st.lists(st.integers(0, 40), min_size=2, max_size=60).map(np.array)


def test_lengths_by_hand():
    real, synthetic = cohort([["4019 486", "4019"], ["486"]]), cohort([["4019"], ["486"]])
    assert lengths.codes_per_visit(real, synthetic) == 1
    assert lengths.visits_per_patient(synthetic, real) == 1.5
    assert lengths.codes_per_visit_w1(real, synthetic) == pytest.approx(1 / 3)
    assert lengths.codes_per_visit_tv(real, synthetic) == pytest.approx(1 / 3)
    assert lengths.codes_per_visit_ks(real, synthetic) == pytest.approx(1 / 3)
    assert lengths.visits_per_patient_w1(real, synthetic) == pytest.approx(1 / 2)
    assert lengths.visits_per_patient_tv(real, synthetic) == pytest.approx(1 / 2)
    assert lengths.visits_per_patient_ks(real, synthetic) == pytest.approx(1 / 2)


@given(whole_numbers, whole_numbers)
def test_distances_equal_the_references(first: np.ndarray, second: np.ndarray):
    assert lengths.wasserstein(first, second) == pytest.approx(wasserstein_distance(first, second), abs=1e-12)
    statistic = ks_2samp(first, second, method="asymp").statistic
    assert lengths.kolmogorov_smirnov(first, second) == pytest.approx(statistic, abs=1e-12)
    shares = [np.bincount(values, minlength=41) / len(values) for values in (first, second)]
    assert lengths.total_variation(first, second) == pytest.approx(np.maximum(*shares).sum() - 1, abs=1e-12)
