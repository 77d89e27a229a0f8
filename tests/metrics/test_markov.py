import numpy as np
import pytest
from scipy import sparse

from ehrgen.data.simulation.row_sampler import RowSampler
from ehrgen.metrics.anchors.markov import Chain, markov
from ehrgen.metrics.cohorts import incidence
from ehrgen.metrics.families import sequence
from ehrgen.metrics.table.suite import NotJudged
from tests.support.cohorts import cohort, population

# 4011 is always followed by itself and a new 4280; 486 stays never and leads to nothing
TRAIN = cohort([["4011", "4011 4280"], ["486 4011", "4011 4280"]] * 40)


def test_chain_by_hand():
    visits, _ = incidence.visit_codes(TRAIN, TRAIN)  # 4011, 4280, 486
    chain = Chain.of(visits, incidence.transitions(TRAIN), np.zeros(visits.shape[0], dtype=np.int64))
    overall = 5 * 80 / 120  # smoothing times the share of codes that stay
    assert chain.stays.tolist() == pytest.approx([(80 + overall) / 85, overall / 5, overall / 45])
    assert set(chain.sizes[0]) == {1}
    contexts = np.array([0, 3 * 12])  # 4011 in the first subgroup, and any code there
    assert chain.leads.total(contexts).tolist() == [80, 80]
    assert chain.leads.draw(contexts, np.random.default_rng(0)).tolist() == [1, 1]


def test_later_visits_follow_the_chain_and_first_ones_are_real():
    made = markov(TRAIN, 200, np.random.default_rng(0))
    first = made.diagnoses[made.diagnoses["visit"] == 0].groupby("patient_id")["code"].agg(set)
    assert {tuple(sorted(codes)) for codes in first} == {("4011",), ("4011", "486")}
    second = made.diagnoses[made.diagnoses["visit"] == 1].groupby("patient_id")["code"].agg(set)
    assert len(second) == 200
    assert all("4280" in codes for codes in second)
    assert np.mean(["4011" in codes for codes in second]) > 0.9


def test_a_visit_without_any_code_keeps_the_one_before():
    nothing = Chain(np.zeros(2), RowSampler.of(np.zeros((12 * 2 + 12, 2))), [np.array([0])] * 12)
    now = sparse.csr_array(np.array([[1, 0], [1, 1]]))
    after = nothing.next_visit(now, np.zeros(2, dtype=np.int64), np.random.default_rng(0))
    assert after.toarray().tolist() == [[1, 0], [1, 1]]


def test_single_visits_have_no_chain():
    with pytest.raises(NotJudged, match="not applicable: no training patient has a second visit"):
        markov(cohort([["4011"], ["486"]]), 5, np.random.default_rng(0))


def test_a_chain_is_estimated_from_what_it_makes():
    train = population(6000, 1)
    made = markov(train, 6000, np.random.default_rng(0))
    assert sequence.repeated_share(train, made) == pytest.approx(sequence.repeated_share(train, train), abs=0.05)
    assert incidence.visits_per_patient(made).sum() == incidence.visits_per_patient(train).sum()
    assert sequence.sequential_pair_r2(population(3000, 2), made) > 0.3
