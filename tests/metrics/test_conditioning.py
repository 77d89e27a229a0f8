import numpy as np
import pytest
from sklearn.metrics import r2_score

from ehrgen.data.cohort import Cohort
from ehrgen.metrics.anchors import generators
from ehrgen.metrics.families import conditioning, fidelity
from ehrgen.metrics.table.suite import NotJudged
from tests.support.cohorts import cohort, population, renumbered

TRAIN, REAL, OTHER = population(3000, 1), population(2000, 2), population(2000, 3)


def shuffled(people: Cohort, columns: list[str]) -> Cohort:
    """The same records with the demographics of somebody else."""
    order = np.random.default_rng(0).permutation(len(people))
    patients = people.patients.copy()
    patients[columns] = patients[columns].to_numpy()[order]
    return Cohort.from_rows(patients, people.diagnoses)


NOBODY_KNOWS = shuffled(OTHER, ["sex", "age_years"])


def two_sexes(codes_f: str, codes_m: str, patients: int = 60) -> Cohort:
    return cohort([[codes_f], [codes_m]] * patients, sex="FM" * patients)


def test_cell_r2_is_the_mean_over_brackets():
    # women: 4011, 4012, 486 in 1, 1/2, 0 of the visits against 1, 0, 1/2; men: 4013, 486 in 1, 0 on both sides
    real = cohort([["4011 4012"], ["4011"], ["4013"], ["4013 486"]] * 30, sex="FFMM" * 30)
    synthetic = cohort([["4011 486"], ["4011"], ["4013"], ["4013 486"]] * 30, sex="FFMM" * 30)
    assert conditioning.cell_r2(real, synthetic) == pytest.approx((r2_score([1, 0.5, 0], [1, 0, 0.5]) + 1) / 2)


def test_right_on_the_whole_and_wrong_in_every_bracket():
    assert fidelity.unigram_r2(REAL, NOBODY_KNOWS) == pytest.approx(fidelity.unigram_r2(REAL, OTHER))
    assert conditioning.cell_r2(REAL, NOBODY_KNOWS) < conditioning.cell_r2(REAL, OTHER) - 0.1


def test_probes_see_codes_that_ignore_the_demographics():
    assert conditioning.age_probe(REAL, OTHER, TRAIN) == pytest.approx(1, abs=0.15)
    assert conditioning.age_probe(REAL, NOBODY_KNOWS, TRAIN) == pytest.approx(0, abs=0.15)


def test_flipped_sexes_are_penalised():
    train, real = (two_sexes("4011 4012", "4013 4012", 100), two_sexes("4011 486", "4013", 100))
    assert conditioning.sex_probe(real, real, train) == 1
    assert conditioning.sex_probe(real, two_sexes("4013", "4011", 100), train) == -1
    moved = (renumbered(people, seed) for seed, people in enumerate((real, OTHER, train)))
    assert conditioning.sex_probe(*moved) == pytest.approx(conditioning.sex_probe(real, OTHER, train))
    half = cohort([["4011"], ["4013"], ["4013"], ["4011"]] * 50, sex="FMFM" * 50)
    assert conditioning.sex_probe(real, half, train) == 0


def test_contrast_counts_both_sides():
    weak = cohort([["4011"], ["4011"], ["4011"], ["486"]] * 50, sex="FMFM" * 50)
    strong, none = two_sexes("4011", "486", 100), cohort([["4011"], ["486"]] * 100, sex="FFMM" * 50)
    assert conditioning.sex_contrast(weak, strong) > 2
    assert conditioning.sex_contrast(weak, none) == pytest.approx(0, abs=0.1)


def test_contrast_does_not_see_more_in_a_smaller_sample():
    real = two_sexes("4011", "486", 500)
    people = population(200, 5)
    ignorant = shuffled(people, ["sex"])
    assert abs(conditioning.sex_contrast(real, ignorant)) < 0.05


def test_nothing_to_read_is_not_judged():
    same = two_sexes("4011 4012", "4011 4012", 100)
    with pytest.raises(NotJudged, match=r"sex cannot be read from real codes: 0\.000 above chance"):
        conditioning.sex_probe(same, same, same)
    with pytest.raises(NotJudged, match="differ no more than those of random halves"):
        conditioning.sex_contrast(same, same)
    with pytest.raises(NotJudged, match="all patients of a cohort have the same sex"):
        conditioning.sex_contrast(cohort([["4011"]] * 3), same)
    with pytest.raises(NotJudged, match="fewer than two classes have 50 patients"):
        conditioning.age_probe(same, same, same)
    with pytest.raises(NotJudged, match="no sex and age bracket has 50 patients in both"):
        conditioning.cell_r2(REAL, REAL.take(range(20)))


def test_a_copy_of_the_probes_teachers_gains_little():
    copies = generators.memoriser(TRAIN, 2000, np.random.default_rng(0))
    fresh = conditioning.age_probe(REAL, OTHER, TRAIN)
    assert conditioning.age_probe(REAL, copies, TRAIN) - fresh < 0.25
