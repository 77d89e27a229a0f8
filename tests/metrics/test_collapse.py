import numpy as np
import pytest

from ehrgen.metrics.families import collapse
from tests.support.cohorts import cohort


def test_coverage_compares_at_equal_tokens():
    real = cohort([["4011 4012"], ["4011 4012"]])  # 4 tokens, 2 codes; two of them hold 5/3 codes on average
    synthetic = cohort([["4011"], ["4013"]])
    assert collapse.coverage(real, synthetic) == pytest.approx(2 / (5 / 3))
    assert collapse.distinct_codes(real, synthetic) == 2


def test_effective_codes_by_hand():
    real, synthetic = cohort([["4011 4012 4013 4014"]]), cohort([["4011 4012"], ["4011 4012"]])
    assert collapse.effective_codes(real, synthetic) == pytest.approx(2 / 4)


def test_shares_by_hand():
    synthetic = cohort([["4011 4012", "4011"], ["486"], ["4011 4012", "4011"], ["4012 4011", "4011"]])
    assert collapse.top_code_share(synthetic, synthetic) == pytest.approx(6 / 10)
    assert collapse.categories_per_patient(synthetic).tolist() == [1, 1, 1, 1]
    assert collapse.categories_modal_share(synthetic, synthetic) == 1
    assert collapse.categories_sd(synthetic, synthetic) == 0
    assert collapse.unique_patients(synthetic, synthetic) == 2 / 4
    assert collapse.top_patient_share(synthetic, synthetic) == 3 / 4


def test_categories_are_of_the_whole_record():
    assert collapse.categories_per_patient(cohort([["4011 4280", "4280 V270"], ["E8497"]])).tolist() == [3, 1]
    mixed = cohort([["4011"], ["4011 4280 486"]])
    assert collapse.categories_mean(mixed, mixed) == 2
    assert collapse.categories_sd(mixed, mixed) == pytest.approx(np.sqrt(2))


@pytest.mark.parametrize(
    "other", [["4012", "4011"], ["4011 4012"], ["4011"], ["4011", "4012", "4012"], ["4011", "4013"]]
)
def test_records_differ_by_codes_visits_and_their_order(other: list[str]):
    pair = cohort([["4011", "4012"], other])
    assert collapse.unique_patients(pair, pair) == 1


def test_records_ignore_order_and_repeats_within_a_visit():
    pair = cohort([["4011 4012"], ["4012 4011 4012"]])
    assert collapse.unique_patients(pair, pair) == 1 / 2
