import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import r2_score

from ehrgen.data.cohort import Cohort
from ehrgen.metrics.cohorts import incidence
from ehrgen.metrics.families import fidelity
from ehrgen.metrics.table.suite import NotJudged
from tests.support.cohorts import cohort, population


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


def test_odd_code_ratio_by_hand():
    # of 100 visits each 4019 is in 80 and 60, 4011 in 20 and 40; 4280 only in synthetic ones and 486 in 19 real ones
    real = cohort([["4019"]] * 61 + [["4019 486"]] * 19 + [["4011"]] * 20)
    synthetic = cohort([["4019"]] * 60 + [["4011"]] * 30 + [["4011 4280"]] * 10)
    assert fidelity.odd_code_ratio(real, synthetic) == pytest.approx((40 + 5) / (20 + 5))
    assert fidelity.odd_code_ratio(synthetic, real) == pytest.approx((40 + 5) / (20 + 5)), "too rarely is as odd"
    twice = cohort([["4019", "4019"]] * 60 + [["4011", "4011"]] * 40)
    assert fidelity.odd_code_ratio(real, twice) == pytest.approx((80 + 5) / 200 / ((20 + 5) / 100)), "shares of visits"


def test_odd_codes_of_few_real_visits_or_patients_are_not_judged():
    for real in (cohort([[f"40{number}"] for number in range(20, 50)]), cohort([["4019"] * 3] * 10 + [["486"]] * 10)):
        with pytest.raises(NotJudged, match="no code is in 20 visits of 11 held-out patients"):
            fidelity.odd_code_ratio(real, real)


@pytest.mark.slow
def test_pairs_need_a_visit_with_two_codes():
    with pytest.raises(NotJudged, match="or there is none"):
        fidelity.pair_r2(cohort([["4019"]]), cohort([["486"]]))


REAL = cohort([["4019"], ["4019"], ["4019 486"], ["4019"]])  # shares 1, 1/4 and 0
SYNTHETIC = cohort([["4019"], ["4019 486"], ["4019"], ["4280"]])  # shares 3/4, 1/4 and 1/4


def test_companions_by_hand():
    assert fidelity.unigram_rmse(REAL, SYNTHETIC) == pytest.approx(np.sqrt(2 / 16 / 3))
    p, q = np.log(np.array([[9, 1, 3], [7, 3, 3]]) / 10)
    assert fidelity.unigram_log_r2(REAL, SYNTHETIC) == pytest.approx(r2_score(p, q))
    # ranks 3, 1, 2 against 3, 1.5, 1.5
    assert fidelity.unigram_spearman(REAL, SYNTHETIC) == pytest.approx(np.sqrt(3) / 2)


def test_divergence_by_hand():
    # tokens 1 against 1/2 and 1/2: H(3/4, 1/4) - 1/2 bits
    real, synthetic = cohort([["4019"]]), cohort([["4019 486"]])
    assert fidelity.unigram_js(real, synthetic) == pytest.approx(2 - 0.75 * np.log2(3) - 0.5)


def test_spearman_equals_the_reference():
    real, synthetic = population(300, 1), population(300, 2)
    p, q = (visits.mean(axis=0) for visits in incidence.visit_codes(real, synthetic))
    assert fidelity.unigram_spearman(real, synthetic) == pytest.approx(spearmanr(p, q).statistic)


def test_dropping_the_tail_is_bad_where_all_codes_count_alike():
    real, other = population(2000, 1), population(2000, 2)
    common = other.diagnoses["code"].value_counts().index[:40]
    rows = other.diagnoses[other.diagnoses["code"].isin(common)]
    left = other.patients[other.patients["patient_id"].isin(rows["patient_id"])]
    cut = Cohort.from_rows(left, rows)
    assert fidelity.unigram_r2(real, cut) > 0.8
    assert fidelity.unigram_log_r2(real, cut) < 0.5 < fidelity.unigram_log_r2(real, other)
