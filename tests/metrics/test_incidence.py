import numpy as np

from ehrgen.metrics.cohorts import incidence
from tests.support.cohorts import cohort

REAL = cohort([["4019 25000 4019", "4280"], ["486"]])
SYNTHETIC = cohort([["486 4019"]])


def test_columns_are_the_union_of_codes_and_a_repeat_counts_once():
    real, synthetic = incidence.visit_codes(REAL, SYNTHETIC)
    assert real.toarray().tolist() == [[1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]  # 25000, 4019, 4280, 486
    assert synthetic.toarray().tolist() == [[0, 1, 0, 1]]


def test_categories_are_a_union_too():
    real, synthetic = incidence.visit_categories(cohort([["4011 4019", "486"]]), cohort([["4860 40200"]]))
    assert real.toarray().tolist() == [[1, 0, 0], [0, 0, 1]]  # 401, 402, 486
    assert synthetic.toarray().tolist() == [[0, 1, 1]]


def test_patients_over_given_codes():
    codes = np.array(["4019", "4280"], dtype=object)
    assert incidence.patient_codes(REAL, codes).toarray().tolist() == [[1, 1], [0, 0]]
    assert incidence.first_visit_codes(REAL, codes).toarray().tolist() == [[1, 0], [0, 0]]
    assert incidence.first_visit_categories(REAL).toarray().tolist() == [[1, 1, 0, 0], [0, 0, 0, 1]]


def test_counts_are_visits_with_the_code():
    real, synthetic = incidence.code_counts(REAL, SYNTHETIC)
    assert real.tolist() == [1, 1, 1, 1]
    assert synthetic.tolist() == [0, 1, 0, 1]


def test_lengths():
    assert incidence.visits_per_patient(REAL).tolist() == [2, 1]
    assert incidence.codes_per_visit(REAL).tolist() == [2, 1, 1]
    assert incidence.visit_of_row(REAL).tolist() == [0, 0, 0, 1, 2]
    assert incidence.patient_of_visit(REAL).tolist() == [0, 0, 1]


def test_transitions_do_not_cross_patients():
    histories = cohort([["486", "4019", "4280"], ["486"], ["4019", "486"]])
    assert incidence.transitions(histories).tolist() == [0, 1, 4]
    assert incidence.transitions(cohort([["486"], ["4019"]])).tolist() == []
