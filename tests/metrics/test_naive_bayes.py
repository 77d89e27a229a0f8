import numpy as np
import pytest
from scipy import sparse
from sklearn.naive_bayes import BernoulliNB

from ehrgen.metrics.cohorts import incidence
from ehrgen.metrics.cohorts.subgroups import sex_of
from ehrgen.metrics.statistics import naive_bayes
from ehrgen.metrics.statistics.naive_bayes import Probe
from tests.support.cohorts import population


def test_by_hand():
    # code 0 belongs to class 0, code 1 to class 1, code 2 to both
    codes = sparse.csr_array(np.array([[1, 0, 1], [1, 0, 0], [0, 1, 1], [0, 1, 0]]))
    trained = Probe.train(codes, np.array([0, 0, 1, 1]), 2)
    assert trained.balanced_accuracy(codes, np.array([0, 0, 1, 1])) == 1
    assert trained.balanced_accuracy(codes, np.array([1, 1, 0, 0])) == 0
    assert trained.balanced_accuracy(codes, np.array([0, 0, 0, 1])) == pytest.approx((2 / 3 + 1) / 2)


def test_ties_count_one_half():
    codes = sparse.csr_array(np.array([[0, 0, 1], [0, 0, 0]]))
    even = Probe(np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]]), np.zeros(2))
    assert even.balanced_accuracy(codes, np.array([0, 1])) == 0.5


def test_equals_the_reference_where_little_is_smoothed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(naive_bayes, "SMOOTHING", 1e-6)
    people = population(500, 1)
    codes = incidence.first_visit_codes(people, incidence.distinct_codes(people))
    codes = codes[:, (codes.sum(axis=0) > 60) & (codes.sum(axis=0) < 450)]
    label = sex_of(people)
    ours = Probe.train(codes, label, 2)
    theirs = BernoulliNB(alpha=1e-6, fit_prior=False).fit(codes.toarray(), label)
    assert codes @ ours.weights + ours.offset == pytest.approx(
        theirs.predict_joint_log_proba(codes.toarray()) + np.log(2), abs=1e-4
    )


def test_rare_codes_do_not_speak_for_the_smallest_class():
    codes = sparse.csr_array(np.vstack([np.eye(200)[:, :190], np.zeros((5, 190))]).astype(np.int64))
    label = np.repeat([0, 1], [200, 5])
    trained = Probe.train(codes, label, 2)
    assert (trained.weights[:, 0] > trained.weights[:, 1]).all()
