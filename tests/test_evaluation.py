import numpy as np
import pytest
from made_up import cohort, population

from ehrgen.metrics.evaluation import equal_samples, evaluate
from ehrgen.metrics.suite import METRICS


def test_every_metric_has_a_value_or_a_reason():
    scores = evaluate(population(150, 1), population(150, 2))
    assert scores.metrics.keys() | scores.not_judged.keys() == METRICS.keys()
    assert not scores.metrics.keys() & scores.not_judged.keys()
    assert all(np.isfinite(value) for value in scores.metrics.values())
    assert scores.not_judged == {"pair_r2": "floor too low to judge: needs 3,000 patients, has 150"}
    assert scores.patients == 150


def test_one_patient_and_no_rule():
    scores = evaluate(cohort([["4019"]]), cohort([["4019"]]))
    assert "needs 2 patients, has 1" in scores.not_judged["categories_sd"]
    assert scores.not_judged["sex_violations"].startswith("vacuous")
    assert scores.metrics["distinct_codes"] == 1


def test_unequal_sizes_are_refused():
    with pytest.raises(ValueError, match="2 real and 1 synthetic"):
        evaluate(cohort([["4019"], ["486"]]), cohort([["4019"]]))


def test_samples_are_equal_and_the_real_one_is_shared():
    real, first, second = population(50, 1), population(40, 2), population(60, 3)
    for n in (20, 100):
        samples = equal_samples(real, first, n, seed=0)
        assert [len(sample) for sample in samples] == [min(n, 40)] * 2
    once, again, other = (equal_samples(real, synthetic, 20, seed)[0].patients["patient_id"].tolist()
                          for synthetic, seed in ((first, 0), (second, 0), (first, 1)))  # fmt: skip
    assert once == again
    assert once != other
