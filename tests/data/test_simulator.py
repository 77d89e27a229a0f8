"""The simulated cohort against its own truth, the rules of sex and age, and MIMIC-III's visit counts."""

import time

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from ehrgen.data.cohort import AGE_BRACKETS, SEXES, Cohort, CohortError, age_bracket
from ehrgen.data.icd9 import codes as icd9
from ehrgen.data.simulation.simulator import ADMISSIONS, MEAN_OF_MANY, MOST, Simulator, load, of_birth, of_delivery
from ehrgen.data.simulation.strata import strata_of
from scripts import fit_simulator
from tests.support.sandbox import ROOT

PATH = ROOT / "ehrgen/data/simulation/simulator.npz"
LIKE_MIMIC = sum(ADMISSIONS)
SECONDS = 10


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    return load(PATH)


@pytest.fixture(scope="module")
def timed(simulator) -> tuple[Cohort, float]:
    start = time.process_time()  # other work on the machine is no failure
    return simulator.sample(LIKE_MIMIC, np.random.default_rng(0)), time.process_time() - start


@pytest.fixture(scope="module")
def cohort(timed) -> Cohort:
    return timed[0]


@pytest.fixture(scope="module")
def rows(cohort) -> pd.DataFrame:
    """Diagnoses with the patient's sex and age beside them."""
    return cohort.diagnoses.merge(cohort.patients, on="patient_id")


def first_visits(simulator: Simulator, cohort: Cohort, patients: np.ndarray) -> sparse.csr_array:
    """These patients x codes of the simulator."""
    diagnoses = cohort.diagnoses[cohort.diagnoses["visit"] == 0]
    column = pd.Index(simulator.codes).get_indexer(diagnoses["code"])
    entries = (np.ones(len(diagnoses)), (diagnoses["patient_id"], column))
    return sparse.csr_array(entries, shape=(len(cohort), len(simulator.codes)))[patients]


def test_file_is_small_and_holds_common_codes_alone(simulator):
    assert PATH.stat().st_size <= 1_000_000
    assert len(simulator.codes) == len(set(simulator.codes)) > 3000
    assert icd9.known(simulator.codes).all()


@pytest.mark.slow
def test_as_many_patients_as_mimic_within_seconds(timed):
    cohort, seconds = timed
    assert len(cohort) == LIKE_MIMIC
    assert seconds < SECONDS
    assert set(cohort.patients["split"]) == {"unassigned"}


def test_no_rule_is_broken_and_no_code_repeats_in_a_visit(rows):
    demand, age = icd9.edits(rows["code"]), np.floor(rows["age_years"])
    required = demand["sex_required"]
    assert (required != "").mean() > 0.02
    assert not ((required != "") & (required != rows["sex"])).any()
    assert not ((age < demand["age_min"]) | (age > demand["age_max"])).any()
    assert not rows.duplicated(["patient_id", "visit", "code"]).any()


@pytest.mark.parametrize("sex", SEXES)
@pytest.mark.parametrize("bracket", range(len(AGE_BRACKETS)))
def test_first_visits_follow_the_exact_probabilities(simulator, cohort, sex, bracket):
    people = cohort.patients
    chosen = (people["sex"] == sex) & (age_bracket(people["age_years"].to_numpy()) == bracket)
    visits = first_visits(simulator, cohort, np.flatnonzero(chosen))
    n = visits.shape[0]
    exact = simulator.code_probability(sex, bracket)
    assert_sampled(visits.mean(axis=0), exact, n)
    top = np.argsort(-exact)[:60]
    pairs = simulator.pair_probability(top, sex, bracket)
    assert_sampled((visits[:, top].T @ visits[:, top]).toarray() / n, pairs, n)
    np.testing.assert_allclose(np.diag(pairs), exact[top])


def assert_sampled(found: np.ndarray, exact: np.ndarray, n: int) -> None:
    """Each share within five standard errors, with room for the skew of rare events."""
    assert np.all((exact >= 0) & (exact <= 1))
    assert np.all(found[exact == 0] == 0)
    assert np.all(np.abs(found - exact) <= 5 * np.sqrt(exact * (1 - exact) / n) + 6 / n)


def test_parts_add_up_to_the_whole(simulator):
    whole = simulator.code_probability()
    parts = [(sex, bracket) for sex in SEXES for bracket in range(len(AGE_BRACKETS))]
    weights = [simulator.shares @ strata_of(*part) for part in parts]
    mixed = sum(weight * simulator.code_probability(*part) for weight, part in zip(weights, parts, strict=True))
    assert sum(weights) == pytest.approx(1)
    np.testing.assert_allclose(mixed, whole, atol=1e-12)
    with pytest.raises(CohortError, match="age bracket 7"):
        simulator.code_probability("F", 7)


def test_visit_counts_follow_mimic(cohort):
    visits = cohort.diagnoses.groupby("patient_id")["visit"].max() + 1
    found = np.bincount(visits.clip(upper=3), minlength=4)[1:]
    np.testing.assert_allclose(found / LIKE_MIMIC, np.array(ADMISSIONS) / LIKE_MIMIC, atol=0.01)
    assert visits[visits >= 3].mean() == pytest.approx(MEAN_OF_MANY, abs=0.25)
    assert visits.max() <= MOST


def test_nobody_is_born_twice_and_no_delivery_follows_a_delivery(simulator, rows):
    born = rows["code"].isin(simulator.codes[of_birth(simulator.codes)])
    assert born.sum() > 1000
    assert set(rows.loc[born, "visit"]) == {0}
    delivered = rows.loc[rows["code"].isin(simulator.codes[of_delivery(simulator.codes)]), ["patient_id", "visit"]]
    assert len(delivered) > 1000
    delivered = delivered.drop_duplicates()
    again = delivered.assign(visit=delivered["visit"] + 1).merge(delivered, on=["patient_id", "visit"])
    assert len(again) == 0


def test_what_a_delivery_is():
    codes = np.array(["V270", "650", "66401", "64891", "67002", "64893", "66404", "632", "V220", "6500"])
    assert of_delivery(codes).tolist() == [True] * 5 + [False] * 5


def test_chronic_codes_recur_and_stay_as_frequent(simulator, rows):
    old = rows[(rows["age_years"] >= 65) & (rows["visit"] <= 1)]
    several = old.loc[old["visit"] == 1, "patient_id"].unique()
    old = old[old["patient_id"].isin(several)]
    chronic = old["code"].isin(simulator.codes[simulator.chronic])
    recurs = {}
    for name, part in (("chronic", old[chronic]), ("acute", old[~chronic])):
        first, second = part[part["visit"] == 0], part[part["visit"] == 1]
        recurs[name] = len(first.merge(second, on=["patient_id", "code"])) / len(first)
        assert len(second) == pytest.approx(len(first), rel=0.1)
    assert 0.55 < recurs["chronic"] < 0.85
    assert recurs["acute"] < 0.4


def test_order_within_a_visit_carries_information(rows):
    first = rows[rows["visit"] == 0]
    share = (first["position"] == 0).groupby(first["code"]).mean()
    assert share["V270"] > 0.9
    assert share["41071"] > 2 * share["4019"]


@pytest.mark.slow
def test_seeds(simulator):
    first, again, other = (simulator.sample(300, np.random.default_rng(seed)) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first.patients, again.patients)
    pd.testing.assert_frame_equal(first.diagnoses, again.diagnoses)
    assert not first.diagnoses.equals(other.diagnoses)


def test_save_and_load_round_trip(simulator, tmp_path):
    simulator.save(tmp_path / "copy.npz")
    copy = load(tmp_path / "copy.npz")
    for name in ("codes", "chronic", "rank", "spread", "shares"):
        np.testing.assert_array_equal(getattr(copy, name), getattr(simulator, name))
    np.testing.assert_array_equal(copy.profiles.codes, simulator.profiles.codes)
    np.testing.assert_allclose(copy.profiles.weights, simulator.profiles.weights, rtol=1e-6)


def test_a_file_that_is_not_ours_is_refused(tmp_path):
    with pytest.raises(CohortError, match=r"absent\.npz: no such file"):
        load(tmp_path / "absent.npz")
    (tmp_path / "text.npz").write_text("no archive")
    np.savez(tmp_path / "other.npz", codes=np.array(["4019"]))
    (tmp_path / "cut.npz").write_bytes(PATH.read_bytes()[:1000])
    for name in ("text", "other", "cut"):
        with pytest.raises(CohortError, match=f"{name}.npz: not the simulator's parameters"):
            load(tmp_path / f"{name}.npz")


@pytest.mark.slow
def test_the_script_refits_what_the_simulator_draws(simulator, monkeypatch):
    """Fitted to first visits of the simulator: its frequencies, no rare code, nothing a stratum forbids."""
    monkeypatch.setattr(fit_simulator, "PROFILES", 12)
    monkeypatch.setattr(fit_simulator, "ITERATIONS", 8)
    real = fit_simulator.first_visits(simulator.sample(3000, np.random.default_rng(3)))
    refitted = fit_simulator.fit(real)
    counts = real.diagnoses["code"].value_counts()
    assert set(refitted.codes) == set(counts.index[counts >= fit_simulator.FEWEST])
    scores = fit_simulator.closeness(real, fit_simulator.first_visits(refitted.sample(3000, np.random.default_rng(4))))
    assert scores["unigram R2"] > 0.95
    assert scores["pair-lift Spearman"] > 0.5
    assert not icd9.edits(refitted.codes[refitted.chronic])["age_max"].eq(0).any()
