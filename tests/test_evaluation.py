import numpy as np
import pytest
from made_up import cohort, population

from ehrgen.metrics.evaluation import Evidence, evaluate
from ehrgen.metrics.suite import METRICS


def test_every_metric_has_a_value_or_a_reason():
    scores = evaluate(Evidence(population(150, 1), population(150, 2), population(150, 3)))
    assert scores.metrics.keys() | scores.not_judged.keys() == METRICS.keys()
    assert not scores.metrics.keys() & scores.not_judged.keys()
    assert all(np.isfinite(value) for value in scores.metrics.values())
    assert scores.not_judged["pair_r2"] == "floor too low to judge: needs 3,000 patients, has 150"
    assert scores.not_judged["nll_per_code"] == "the generator states no likelihood"
    assert {name for name, metric in METRICS.items() if metric.minimum > 150} < scores.not_judged.keys()
    assert scores.patients == 150


def test_one_patient_and_no_rule():
    one = cohort([["4019"]])
    scores = evaluate(Evidence(one, one, one))
    assert "needs 2 patients, has 1" in scores.not_judged["categories_sd"]
    assert scores.not_judged["sex_violations"].startswith("vacuous")
    assert scores.metrics["distinct_codes"] == 1


def test_unequal_sizes_are_refused():
    two, one = cohort([["4019"], ["486"]]), cohort([["4019"]])
    with pytest.raises(ValueError, match="2 held-out, 1 synthetic and 2 training"):
        Evidence(two, one, two)


def test_samples_are_equal_and_the_real_ones_are_shared():
    real, train, first, second = population(50, 1), population(70, 4), population(40, 2), population(60, 3)
    for n in (20, 100):
        found = Evidence.of(real, first, train, n, seed=0)
        assert len(found.heldout) == len(found.synthetic) == len(found.train) == len(found) == min(n, 40)
    samples = [
        Evidence.of(real, synthetic, train, 20, seed) for synthetic, seed in ((first, 0), (second, 0), (first, 1))
    ]
    for part in ("heldout", "train"):
        once, again, other = (getattr(sample, part).patients["patient_id"].tolist() for sample in samples)
        assert once == again
        assert once != other
