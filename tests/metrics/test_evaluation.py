import numpy as np
import pytest

from ehrgen.data.cohort import Cohort, CohortError
from ehrgen.data.simulation import simulator
from ehrgen.metrics.evaluation import EvaluationData, evaluate, evaluate_samples, value
from ehrgen.metrics.table.suite import AVERAGED, METRICS, NotJudged
from tests.support.cohorts import cohort, population
from tests.support.sandbox import ROOT

TRUTH = simulator.load(ROOT / "ehrgen/data/simulation/simulator.npz")


def test_every_metric_has_a_value_or_a_reason():
    scores = evaluate(EvaluationData(population(150, 1), population(150, 2), population(150, 3)))
    assert scores.metrics.keys() | scores.not_judged.keys() == METRICS.keys()
    assert not scores.metrics.keys() & scores.not_judged.keys()
    assert all(np.isfinite(found) for found in scores.metrics.values())
    assert scores.not_judged["pair_r2"] == "floor too low to judge: needs 3,000 patients, has 150"
    assert scores.not_judged["nll_per_code"] == "the generator states no likelihood"
    assert scores.not_judged["truth_r2"] == "no exact truth: the cohort is not simulated"
    assert {name for name, metric in METRICS.items() if metric.minimum > 150} < scores.not_judged.keys()
    assert scores.patients == 150


def test_one_patient_and_no_rule():
    one = cohort([["4019"]])
    scores = evaluate(EvaluationData(one, one, one))
    assert "needs 2 patients, has 1" in scores.not_judged["categories_sd"]
    assert scores.not_judged["sex_violations"].startswith("vacuous")
    assert scores.metrics["distinct_codes"] == 1


def test_single_visits_silence_the_metrics_of_sequences():
    data = EvaluationData(*(first_visits(population(1100, seed)) for seed in (1, 2, 3)))
    reasons = {}
    for name in (name for name, metric in METRICS.items() if metric.family == "sequence"):
        with pytest.raises(NotJudged) as raised:
            value(name, data)
        reasons[name] = str(raised.value)
    assert reasons.pop("sequential_pair_r2") == "floor too low to judge: needs 3,000 patients, has 1,100"
    assert set(reasons.values()) == {"not applicable: no held-out patient has a second visit"}


def first_visits(people: Cohort) -> Cohort:
    rows = people.diagnoses[people.diagnoses["visit"] == 0].reset_index(drop=True)
    return Cohort(people.patients, rows)


def test_codes_that_no_real_patient_has_cost_what_they_should():
    strange = population(150, 2)
    synthetic = Cohort.from_rows(strange.patients, strange.diagnoses.assign(code="E9999"))
    scores = evaluate(EvaluationData(population(150, 1), synthetic, population(150, 3), TRUTH))
    assert scores.metrics.keys() | scores.not_judged.keys() == METRICS.keys()
    assert all(np.isfinite(found) for found in scores.metrics.values())
    assert scores.metrics["unigram_js"] == pytest.approx(1), "no code in common"
    assert scores.metrics["unigram_r2"] < 0
    assert scores.metrics["tail_recall"] == scores.metrics["recall"] == 0


def test_a_cohort_is_never_empty_and_an_id_never_doubled():
    real = population(20, 1)
    with pytest.raises(CohortError, match="a cohort has at least one patient"):
        EvaluationData(real, real.take([]), real)
    doubled = real.patients.assign(patient_id=real.patients["patient_id"].replace(1, 0))
    with pytest.raises(CohortError, match="patient_id must be unique and ascending; broken by 1 of 20 rows"):
        Cohort(doubled, real.diagnoses)


def test_one_to_ten_real_patients_are_not_counted():
    alike = cohort([["4019"]] * 10 + [[f"40{number}"] for number in range(20, 60)])
    shared = [evaluate(EvaluationData(alike, alike, alike, copies=copies)) for copies in (False, True)]
    assert shared[0].metrics["top_patient_share"] == 10 / 50
    assert shared[1].not_judged["top_patient_share"] == "suppressed: it would count fewer than 11 real patients"
    more = cohort([["4019"]] * 11 + [[f"40{number}"] for number in range(20, 59)])
    assert evaluate(EvaluationData(more, more, more, copies=True)).metrics["top_patient_share"] == 11 / 50


def test_unequal_sizes_are_refused():
    two, one = cohort([["4019"], ["486"]]), cohort([["4019"]])
    with pytest.raises(ValueError, match="2 held-out, 1 synthetic and 2 training"):
        EvaluationData(two, one, two)


def test_samples_are_equal_and_the_real_ones_are_shared():
    real, train, first, second = population(50, 1), population(70, 4), population(40, 2), population(60, 3)
    for n in (20, 100):
        found = EvaluationData.of(real, first, train, n, seed=0)
        assert len(found.heldout) == len(found.synthetic) == len(found.train) == len(found) == min(n, 40)
    samples = [
        EvaluationData.of(real, synthetic, train, 20, seed) for synthetic, seed in ((first, 0), (second, 0), (first, 1))
    ]
    for part in ("heldout", "train"):
        once, again, other = (getattr(sample, part).patients["patient_id"].tolist() for sample in samples)
        assert once == again
        assert once != other


@pytest.mark.slow
def test_a_sample_without_a_value_leaves_the_mean_without_one():
    held, train = population(900, 1), population(900, 3)
    some, none = population(900, 2), population(900, 4)
    none = Cohort.from_rows(none.patients, none.diagnoses.assign(code="4019"))
    scores = evaluate_samples(EvaluationData(held, some, train), [none])
    assert "sex_rule_patients" in scores.metrics
    assert scores.not_judged["sex_violations"].startswith("in 1 of 2 samples: vacuous")
    assert not scores.metrics.keys() & scores.not_judged.keys()
    both = evaluate_samples(EvaluationData(held, none, train), [none])
    assert both.not_judged["sex_violations"].startswith("vacuous"), "the same in every sample"


def test_what_is_averaged_depends_on_the_sample_and_asks_no_attacker():
    families = {METRICS[name].family for name in AVERAGED}
    assert {"fidelity", "association", "collapse", "conditioning", "validity", "detection"} <= families
    assert not families & {"likelihood", "privacy", "utility"} and "mmd_p" not in AVERAGED
