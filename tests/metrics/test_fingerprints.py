import numpy as np

from ehrgen.metrics.cohorts import fingerprints
from tests.support.cohorts import cohort, population, renumbered


def test_counts_of_equal_records():
    people = cohort([["4011 4012", "4011"], ["486"], ["4012 4011 4012", "4011"], ["4011", "4011 4012"]])
    assert sorted(fingerprints.record_counts(people).tolist()) == [1, 1, 2]


def test_a_fingerprint_is_the_record_and_nothing_else():
    first, second = cohort([["486"], ["4011", "4012"]]), cohort([["4011", "4012"], ["4280"]], sex="MM", age=[3, 4])
    assert fingerprints.of_records(first)[1] == fingerprints.of_records(second)[0]


def test_a_subset_follows_the_patients_not_their_order():
    people, moved = population(300, 1), renumbered(population(300, 1), 2)
    chosen, again = fingerprints.subset(people, 40), fingerprints.subset(moved, 40)
    assert len(set(chosen)) == 40
    assert (fingerprints.of_records(people)[chosen] == fingerprints.of_records(moved)[again]).all()
    assert sorted(fingerprints.subset(people, 1000)) == list(range(300))


def test_a_subset_has_equal_records_as_often_as_the_cohort():
    repeated = cohort([["4011"], ["4012"], ["486"], ["4280 486"]] * 250)
    chosen = fingerprints.of_records(repeated)[fingerprints.subset(repeated, 200)]
    counts = np.unique(chosen, return_counts=True)[1]
    assert len(counts) == 4
    assert counts.min() >= 30


def test_a_visit_is_a_set_whatever_the_cohort():
    key = fingerprints.of_visits(cohort([["4019 486", "4280", "486 4019 486"], ["4019"]]))
    assert key[0] == key[2]
    assert len(np.unique(key)) == 3
    assert fingerprints.of_visits(cohort([["25000 V270"], ["486 4019"]]))[1] == key[0]


def test_the_order_of_patients_is_theirs_not_ours():
    patients = population(200, 1)
    first, second = (fingerprints.sorted_patients(one) for one in (patients, renumbered(patients, 3)))
    assert first.patients.equals(second.patients)
    assert first.diagnoses.equals(second.diagnoses)
    assert sorted(first.patients["age_years"]) == sorted(patients.patients["age_years"])


def test_runs_by_hand():
    key, owner = fingerprints.of_runs(cohort([["486", "4019", "486", "4019"], ["4019"], ["486", "4019"]]), 2)
    assert owner.tolist() == [0, 0, 0, 2]
    assert key[0] == key[2] == key[3] != key[1]  # (486, 4019) three times, (4019, 486) once
    assert fingerprints.of_runs(cohort([["486"]]), 2)[0].size == 0
