import numpy as np
import pytest

from ehrgen.data.cohort import Cohort
from ehrgen.data.simulation import simulator
from ehrgen.metrics.families import truth
from ehrgen.metrics.table.suite import NotJudged
from tests.support.cohorts import cohort
from tests.support.sandbox import ROOT

PATH = ROOT / "ehrgen/data/simulation/simulator.npz"
PROCESS = simulator.load(PATH)


def sample(patients: int, seed: int) -> Cohort:
    return PROCESS.sample(patients, np.random.default_rng(seed))


@pytest.mark.slow
@pytest.mark.parametrize("patients", [300, 2000])
def test_fresh_draws_are_perfect_at_any_size(patients: int):
    made = [sample(patients, seed) for seed in range(2)]
    assert np.mean([truth.truth_r2(one, PROCESS) for one in made]) == pytest.approx(1, abs=0.02)
    assert np.mean([truth.truth_conditioning_r2(one, PROCESS) for one in made]) == pytest.approx(1, abs=0.05)


def test_ignoring_sex_and_age_explains_nothing_of_them():
    made = sample(2000, 0)
    patients = made.patients.copy()
    order = np.random.default_rng(1).permutation(len(made))
    patients[["sex", "age_years"]] = patients[["sex", "age_years"]].to_numpy()[order]
    ignorant = Cohort.from_rows(patients, made.diagnoses)
    assert truth.truth_conditioning_r2(ignorant, PROCESS) == pytest.approx(0, abs=0.1)
    assert truth.truth_r2(ignorant, PROCESS) < 0.7


def test_sums_by_hand():
    made = cohort([["4019"], ["4019 99999"]] * 10, age=[30.0] * 20)  # one bracket, women of 18 to 40
    p = PROCESS.code_probability("F", 3)
    hypertension = p[list(PROCESS.codes).index("4019")]
    found = truth.distance(made, PROCESS)
    rest = (p**2).sum() - hypertension**2
    noise = 0.5 * 0.5 / 19  # of the code that half the visits have; the other never varies
    assert found.error == pytest.approx((1 - hypertension) ** 2 + rest + 0.5**2 - noise)
    assert found.conditioning == pytest.approx(((p - PROCESS.code_probability()) ** 2).sum())


def test_too_few_patients_are_not_judged():
    with pytest.raises(NotJudged, match="no sex and age bracket has 20 synthetic patients"):
        truth.truth_r2(cohort([["4019"]]), PROCESS)
