import numpy as np

from ehrgen.metrics.cohorts import runs
from tests.support.cohorts import cohort, population, renumbered


def test_a_visit_is_a_set_whatever_the_cohort():
    key = runs.visit_keys(cohort([["4019 486", "4280", "486 4019 486"], ["4019"]]))
    assert key[0] == key[2]
    assert len(np.unique(key)) == 3
    assert runs.visit_keys(cohort([["25000 V270"], ["486 4019"]]))[1] == key[0]


def test_the_order_of_patients_is_theirs_not_ours():
    patients = population(200, 1)
    first, second = (runs.sorted_patients(one) for one in (patients, renumbered(patients, 3)))
    assert first.patients.equals(second.patients)
    assert first.diagnoses.equals(second.diagnoses)
    assert sorted(first.patients["age_years"]) == sorted(patients.patients["age_years"])


def test_runs_by_hand():
    key, owner = runs.run_keys(cohort([["486", "4019", "486", "4019"], ["4019"], ["486", "4019"]]), 2)
    assert owner.tolist() == [0, 0, 0, 2]
    assert key[0] == key[2] == key[3] != key[1]  # (486, 4019) three times, (4019, 486) once
    assert runs.run_keys(cohort([["486"]]), 2)[0].size == 0
