"""The reference generators, and the acceptance test: the suite must rank them as their faults demand."""

import numpy as np
import pytest

from ehrgen.data.cohort import Cohort
from ehrgen.metrics.anchors import generators
from ehrgen.metrics.cohorts import incidence
from ehrgen.metrics.families import collapse, lengths, validity
from ehrgen.metrics.table.suite import METRICS, function
from tests.support.cohorts import FEMALE, MALE, cohort, population

N = 3000
TRAIN, HELDOUT, HELDOUT2 = population(6000, 1), population(N, 2), population(N, 3)
NAMES = list(generators.reference_generators(8))


def generate(name: str, seed: int = 0, n: int = N, train: Cohort = TRAIN) -> Cohort:
    return generators.reference_generators(profiles=8)[name](train, n, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def made() -> dict[str, Cohort]:
    return {name: generate(name) for name in NAMES} | {"floor": HELDOUT2}


@pytest.mark.parametrize("name", NAMES)
def test_makes_as_many_as_asked_and_repeats_by_seed(name: str):
    once, again, other = (generate(name, seed, 300) for seed in (0, 0, 1))
    assert len(once) == 300
    assert once.patients.equals(again.patients) and once.diagnoses.equals(again.diagnoses)
    assert not once.diagnoses.equals(other.diagnoses)
    assert set(once.patients["split"]) == {"synthetic"}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("train", [cohort([["4019"]]), cohort([["4019 486", "4019"], ["V270"]], age=[0, 90])])
def test_copes_with_hardly_any_patients(name: str, train: Cohort):
    if name == "markov" and len(train) == 1:
        return  # tests/metrics/test_markov.py: without a second visit there is no chain
    made = generate(name, n=30, train=train)
    assert len(made) == 30
    assert set(made.diagnoses["code"]) <= set(train.diagnoses["code"])


def test_memoriser_copies():
    codes = {tuple(rows) for rows in TRAIN.diagnoses.groupby("patient_id")["code"].agg(tuple)}
    assert {
        tuple(rows) for rows in generate("memoriser", n=50).diagnoses.groupby("patient_id")["code"].agg(tuple)
    } <= codes


def test_memoriser_repeats_nobody_before_all_were_taken():
    train = cohort([["4019"], ["486"], ["4280"]])
    made = generate("memoriser", n=7, train=train)
    assert sorted(made.diagnoses["code"].value_counts()) == [2, 2, 3]


def test_collapsed_has_twenty_records():
    assert round(collapse.unique_patients(HELDOUT, generate("collapsed")) * N) <= generators.COLLAPSED_TO


def test_independent_codes_keep_cells_and_lengths(made: dict[str, Cohort]):
    independent = made["independent_codes"]
    by_sex = independent.diagnoses.merge(independent.patients).groupby("sex")["code"].agg(set)
    assert not by_sex["M"] & set(FEMALE) and not by_sex["F"] & set(MALE)
    assert validity.repeated_codes(HELDOUT, independent) == 0
    for synthetic in (independent, made["latent_profiles"]):
        assert incidence.visits_per_patient(synthetic).mean() == pytest.approx(1.3, abs=0.05)
    assert lengths.codes_per_visit_ks(TRAIN, independent) < 0.05


def test_odds_give_codes_their_probability():
    # 4011 in 4 of 5 visits, the others in 2 of 5 each; all visits have two codes
    train = cohort([["4011 4012"], ["4011 4013"], ["4011 4012"], ["4011 4013"], ["4012 4013"]])
    codes = generate("independent_codes", n=4000, train=train).diagnoses["code"].value_counts() / 4000
    assert codes["4011"] == pytest.approx(0.8, abs=0.06)
    assert codes["4012"] == pytest.approx(codes["4013"], abs=0.05)


def value(name: str, synthetic: Cohort) -> float:
    return function(name)(
        *({"heldout": HELDOUT, "synthetic": synthetic, "train": TRAIN}[p] for p in METRICS[name].uses)
    )


def test_real_patients_and_copies_of_real_patients_win_fidelity(made: dict[str, Cohort]):
    ranking = sorted(made, key=lambda owner: value("pair_r2", made[owner]), reverse=True)
    assert set(ranking[:3]) == {"floor", "memoriser", "markov"}  # the chain's first visits are real ones
    assert ranking[3:] == ["latent_profiles", "independent_codes", "collapsed"]


def test_independent_codes_pass_unigrams_and_fail_pairs(made: dict[str, Cohort]):
    independent = made["independent_codes"]
    assert value("unigram_r2", independent) > 0.97
    assert value("pair_r2", independent) < value("pair_r2", made["latent_profiles"]) - 0.2
    assert value("pair_r2", made["latent_profiles"]) > 0.85
    assert value("pair_r2", made["floor"]) > 0.9


def test_independent_visits_fail_what_follows_what(made: dict[str, Cohort]):
    for name in ("repeated_code_r2", "repeated_share", "sequential_pair_r2"):
        gap = {owner: METRICS[name].gap(value(name, made[owner]), value(name, made["floor"])) for owner in made}
        assert min(gap["independent_codes"], gap["latent_profiles"]) > 2 * max(gap["memoriser"], gap["markov"]), name


def test_independent_codes_fail_what_goes_together(made: dict[str, Cohort]):
    for name in ("pair_lift", "category_pair_lift"):
        gap = {owner: METRICS[name].gap(value(name, made[owner]), value(name, made["floor"])) for owner in made}
        assert gap["independent_codes"] > 2 * abs(gap["memoriser"]), name


@pytest.mark.parametrize(
    "name", ["coverage", "effective_codes", "distinct_codes", "unique_patients", "top_patient_share", "vendi"]
)
def test_the_collapsed_set_fails_variety(name: str, made: dict[str, Cohort]):
    metric = METRICS[name]
    gap = {owner: metric.gap(value(name, synthetic), value(name, made["floor"])) for owner, synthetic in made.items()}
    assert max(gap, key=gap.get) == "collapsed"
    assert gap["collapsed"] > 3 * sorted(gap.values())[-2]


def test_flipped_sexes_fail_validity_and_conditioning():
    flip = np.random.default_rng(0).random(N) < 0.5
    sex = HELDOUT2.patients["sex"].to_numpy()
    patients = HELDOUT2.patients.assign(sex=np.where(flip, np.where(sex == "F", "M", "F"), sex))
    patients["sex"] = patients["sex"].astype("str")
    assert validity.sex_violations(HELDOUT, HELDOUT2) == 0
    flipped = Cohort(patients, HELDOUT2.diagnoses)
    assert validity.sex_violations(HELDOUT, flipped) == pytest.approx(0.5, abs=0.06)
    assert value("sex_contrast", flipped) < 0.3 < 0.7 < value("sex_contrast", HELDOUT2)
