import numpy as np
import pytest

from ehrgen.metrics.families import variety
from ehrgen.metrics.table.suite import NotJudged
from tests.support.cohorts import cohort, population

TEN = " ".join(f"40{number:02d}" for number in range(10, 20))
NINE = " ".join(f"40{number:02d}" for number in range(11, 20))


def test_tail_by_hand():
    # ten codes seen in training patients, the rarest tenth is 4010; 486 is as rare, but no training patient has it
    real, train = cohort([[TEN], [NINE], [NINE], ["486 4011"]]), cohort([[TEN]])
    assert variety.tail_mass(real, cohort([["4010 4011"], ["4011"], ["4012"]]), train) == pytest.approx(1 / 4)
    assert variety.tail_recall(real, cohort([["4010 4011"]]), train) == 1
    assert variety.tail_recall(real, cohort([["486 4011"]]), train) == 0


def test_ties_at_the_edge_of_the_tail_share_it():
    real = cohort([[TEN]])  # all ten are equally rare: each belongs to the tail by a tenth
    assert variety.tail_recall(real, cohort([["4010 4011 4012"]]), real) == pytest.approx(3 / 10)
    assert variety.tail_mass(real, cohort([["4010 486"]]), real) == pytest.approx(1 / 20)


def test_no_tail_is_not_judged():
    with pytest.raises(NotJudged, match="no tail to reach"):
        variety.tail_mass(cohort([["486"]]), cohort([["486"]]), cohort([["4019"]]))


def test_order_two_by_hand():
    real = cohort([["4011 4012"], ["4011 4012"]])  # counts 2, 2: 4 of 12 ordered pairs are equal
    synthetic = cohort([["4011"], ["4011"], ["4011"], ["4012"]])  # counts 3, 1: 6 of 12
    assert variety.effective_codes_order2(real, synthetic) == pytest.approx((12 / 6) / (12 / 4))
    with pytest.raises(NotJudged, match="no synthetic code occurs twice"):
        variety.effective_codes_order2(real, cohort([["4011"]]))


def test_chapters_by_hand():
    # circulatory: 2 effective codes against 1; respiratory: equal; injury: none. Tokens 4, 2, 2
    real = cohort([["4011 4012 486 8000"], ["4011 4012 486 8000"]])
    synthetic = cohort([["4011 486"], ["4011 486"], ["4011"], ["4011"]])
    assert variety.chapter_effective_codes(real, synthetic) == pytest.approx((4 / 2 + 2 * 1 + 0) / 8)
    twice = cohort([["4011 4012 4013 4014 486 8000"]])
    assert variety.chapter_effective_codes(cohort([["4011 486 8000"], ["4011 486 8000"]]), twice) < 1


def test_vendi_by_hand():
    apart, alike = cohort([["4011"], ["4012"], ["486"], ["4280"]]), cohort([["4011"], ["4011"], ["486"], ["486"]])
    assert variety.vendi(apart, apart) == pytest.approx(1)
    assert variety.vendi(apart, alike) == pytest.approx(2 / 4)


def test_jaccard_by_hand():
    kernel = variety._jaccard(cohort([["4011 4012"], ["4012", "486"]]))
    assert kernel == pytest.approx(np.array([[1, 1 / 3], [1 / 3, 1]]))


def test_self_similarity_by_hand():
    real = cohort([["4011 4012"], ["4012 4013"], ["4011 4013"]])  # each pair 1/3
    synthetic = cohort([["4011 4012"], ["4011 4012"], ["4011 4012"]])
    assert variety.self_similarity(real, synthetic) == pytest.approx(3)


def test_self_similarity_matches_lengths():
    # patients with one code are all alike, those with two have nothing in common; the synthetic ones are mostly short
    short, long = [["4011"]], [[f"50{number:02d} 51{number:02d}"] for number in range(10, 30)]
    real, synthetic = cohort(short * 20 + long), cohort(short * 32 + long[:8])
    assert variety.self_similarity(real, synthetic) == pytest.approx(1, abs=0.06)
    unmatched = (32 * 31) / (40 * 39) / ((20 * 19) / (40 * 39))
    assert unmatched > 2.5


def test_nobody_alike_is_not_judged():
    with pytest.raises(NotJudged, match="no two real patients have a code in common"):
        variety.self_similarity(cohort([["4011"], ["486"]]), cohort([["4011"], ["4011"]]))


def test_another_sample_is_as_diverse():
    real, other = population(600, 1), population(600, 2)
    for name in ("vendi", "self_similarity", "effective_codes_order2", "chapter_effective_codes"):
        assert getattr(variety, name)(real, other) == pytest.approx(1, abs=0.1)
