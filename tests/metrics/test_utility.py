import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from ehrgen.data.cohort import Cohort
from ehrgen.metrics.statistics import tasks
from ehrgen.metrics.table.suite import METRICS, NotJudged, function
from tests.support.cohorts import cohort

NAMES = [name for name, metric in METRICS.items() if metric.family == "utility"]


def linked(patients: int, seed: int, link: float) -> Cohort:
    """Half have hypertension in every visit; kidney disease goes with it in a share `link` more than without."""
    rng = np.random.default_rng(seed)
    ill = rng.random(patients) < 0.5
    kidney = rng.random(patients) < 0.5 + np.where(ill, link, -link) / 2
    records = []
    for has, also in zip(ill.tolist(), kidney.tolist(), strict=True):
        visit = " ".join(["486", *["4019"] * has, *["5859"] * also])
        records.append([visit] * rng.integers(1, 3))
    return cohort(records, age=list(rng.integers(20, 90, patients).astype(float)))


HELDOUT, FRESH, TRAIN = (linked(500, seed, 0.8) for seed in (1, 2, 3))
UNLINKED = linked(500, 4, 0.0)


def value(name: str, synthetic: Cohort, heldout: Cohort = HELDOUT) -> float:
    data = {"heldout": heldout, "synthetic": synthetic, "train": TRAIN}
    return function(name)(*(data[part] for part in METRICS[name].uses))


def test_what_can_be_learnt_is_learnt():
    # a patient with kidney disease has hypertension in 9 of 10, without in 1 of 10: AUROC 0.9 + half of ties
    assert value("tstr_auroc", FRESH) == pytest.approx(0.9, abs=0.03)
    assert value("tstr_auroc", UNLINKED) < 0.85
    assert value("tstr_next_auroc", FRESH) > 0.97  # hypertension stays
    assert value("tstr_second_auroc", FRESH) == pytest.approx(0.5, abs=0.06)  # drawn by lot


def test_caricatures_and_blurs_show_in_the_reverse():
    floor, caricature, blurred = (value("trts_auroc", linked(500, 5, link)) for link in (0.8, 1.0, 0.3))
    assert caricature > floor + 0.05 > blurred + 0.1


def test_unlinked_patients_do_not_help():
    assert value("augmentation_auroc", FRESH) == pytest.approx(0, abs=0.02)
    assert value("augmentation_auroc", UNLINKED) < 0.02


def test_equals_the_reference():
    (one, *_), (scores, *_) = (
        tasks.questions("hidden", HELDOUT, HELDOUT),
        tasks.scores("hidden", FRESH, HELDOUT, HELDOUT),
    )
    for name, measure in (("tstr_auroc", roc_auc_score), ("tstr_auprc", average_precision_score)):
        assert value(name, FRESH) == pytest.approx(np.mean([measure(one.answer, score) for score in scores]))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tstr_auroc", "tstr_auprc"])
def test_the_half_width_is_that_of_other_patients(name: str):
    values = [function(name)(linked(500, seed, 0.8), FRESH) for seed in range(10, 22)]
    assert value(f"{name}_half_width", FRESH) == pytest.approx(2 * np.std(values), rel=0.7)


def test_a_collapsed_cohort_teaches_nothing():
    nobody = cohort([["486"]] * 500)
    assert value("tstr_auroc", nobody) == 0.5
    assert value("tstr_auprc", nobody) == pytest.approx(np.mean(tasks.questions("hidden", HELDOUT, HELDOUT)[0].answer))
    with pytest.raises(NotJudged, match="not applicable: all synthetic visits agree on hypertension"):
        value("trts_auroc", nobody)


def test_single_visits_have_no_next():
    single = cohort([["4019 486"], ["486"]] * 250)
    with pytest.raises(NotJudged, match="not applicable: no synthetic patient has a second visit"):
        value("tstr_next_auroc", single)
    with pytest.raises(NotJudged, match="not applicable: all held-out patients agree on second visit"):
        value("tstr_second_auroc", FRESH, heldout=single)
    with pytest.raises(NotJudged, match="not applicable: all held-out patients agree on"):
        value("tstr_next_auroc", FRESH, heldout=single)


def test_answers_of_few_real_patients_are_suppressed():
    few = cohort([["4019 486"]] * 10 + [["486"]] * 490)
    for name in NAMES:
        with pytest.raises(NotJudged, match=r"suppressed: fewer than 11 held-out|not applicable"):
            value(name, FRESH, heldout=few)
    enough = cohort([["4019 486"]] * 11 + [["486"]] * 489)
    assert 0 <= value("tstr_auroc", FRESH, heldout=enough) <= 1
