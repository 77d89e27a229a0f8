import numpy as np

from ehrgen.metrics.cohorts import records
from tests.support.cohorts import cohort, population, renumbered


def test_counts_of_equal_records():
    people = cohort([["4011 4012", "4011"], ["486"], ["4012 4011 4012", "4011"], ["4011", "4011 4012"]])
    assert sorted(records.counts(people).tolist()) == [1, 1, 2]


def test_a_fingerprint_is_the_record_and_nothing_else():
    first, second = cohort([["486"], ["4011", "4012"]]), cohort([["4011", "4012"], ["4280"]], sex="MM", age=[3, 4])
    assert records.fingerprints(first)[1] == records.fingerprints(second)[0]


def test_a_subset_follows_the_patients_not_their_order():
    people, moved = population(300, 1), renumbered(population(300, 1), 2)
    chosen, again = records.subset(people, 40), records.subset(moved, 40)
    assert len(set(chosen)) == 40
    assert (records.fingerprints(people)[chosen] == records.fingerprints(moved)[again]).all()
    assert sorted(records.subset(people, 1000)) == list(range(300))


def test_a_subset_has_equal_records_as_often_as_the_cohort():
    repeated = cohort([["4011"], ["4012"], ["486"], ["4280 486"]] * 250)
    chosen = records.fingerprints(repeated)[records.subset(repeated, 200)]
    counts = np.unique(chosen, return_counts=True)[1]
    assert len(counts) == 4
    assert counts.min() >= 30
