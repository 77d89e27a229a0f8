import pytest
from sklearn.metrics import r2_score

from ehrgen.metrics.families import sequence
from ehrgen.metrics.table.suite import METRICS, NotJudged
from tests.support.cohorts import cohort, population

NAMES = [name for name, metric in METRICS.items() if metric.family == "sequence"]
# three transitions: 4011 stays in two of the three that start with it, 4280 is new once, 486 in none
REAL = cohort([["4011 486", "4011", "4011 4280"], ["4011 4280", "486"], ["486"]])
# two transitions: 4011 stays in one of two, 4280 is new once
SYNTHETIC = cohort([["4011", "4011 4280"], ["4011", "486"]])


def test_repeated_and_new_codes_by_hand():
    assert sequence.repeated_share(REAL, SYNTHETIC) == pytest.approx(1 / 3)
    assert sequence.repeated_share(SYNTHETIC, REAL) == pytest.approx(2 / 4)
    # 4011, 4280, 486 in both of two successive visits: 2/3, 0, 0 against 1/2, 0, 0
    assert sequence.repeated_code_r2(REAL, SYNTHETIC) == pytest.approx(r2_score([2 / 3, 0, 0], [1 / 2, 0, 0]))
    # new: 0, 1/3, 1/3 against 0, 1/2, 1/2
    assert sequence.new_code_r2(REAL, SYNTHETIC) == pytest.approx(r2_score([0, 1 / 3, 1 / 3], [0, 1 / 2, 1 / 2]))


def test_sequential_pairs_by_hand():
    # (4011, 4011) 2/3 against 1/2; (486, 4011) 1/3, 0; (4011, 4280) 1/3, 1/2; (4011, 486) 1/3, 1/2; (4280, 486) 1/3, 0
    expected = r2_score([2 / 3, 1 / 3, 1 / 3, 1 / 3, 1 / 3], [1 / 2, 0, 1 / 2, 1 / 2, 0])
    assert sequence.sequential_pair_r2(REAL, SYNTHETIC) == pytest.approx(expected)


def test_persistence_by_hand():
    codes = [f"40{number:02d}" for number in range(10, 20)]
    every, odd = " ".join(codes), " ".join(codes[1::2])
    real = cohort([[every, every]] * 10 + [[every, odd]] * 10)  # odd codes stay always, even ones every other time
    synthetic = cohort([[every, odd]] * 16 + [[odd, every]] * 4)  # odd ones always, even ones never
    assert sequence.persistence(real, synthetic) == pytest.approx(1)
    assert sequence.persistence_bias(real, synthetic) == pytest.approx(-1 / 4)


def test_too_few_codes_are_not_judged():
    with pytest.raises(NotJudged, match="0 codes start 11 or more transitions in both cohorts, and 10 are the least"):
        sequence.persistence(REAL, SYNTHETIC)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("who", "single"), [("held-out", 0), ("synthetic", 1)])
def test_single_visits_are_not_applicable_rather_than_zero(name: str, who: str, single: int):
    cohorts = [population(200, 1), population(200, 2)]
    cohorts[single] = cohort([["4019"], ["486 4280"]])
    with pytest.raises(NotJudged, match=f"not applicable: no {who} patient has a second visit"):
        getattr(sequence, name)(*cohorts)
