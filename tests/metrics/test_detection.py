import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import PredefinedSplit, cross_val_score

from ehrgen.data.cohort import Cohort
from ehrgen.metrics.anchors import generators
from ehrgen.metrics.cohorts import fingerprints, neighbours
from ehrgen.metrics.families import detection
from ehrgen.metrics.table.suite import NotJudged
from tests.support.cohorts import cohort, population

HELDOUT, FRESH, TRAIN = (population(800, seed) for seed in (1, 2, 3))
DETECTORS = ("c2st_codes_auc", "c2st_structure_auc", "c2st_repeats_auc", "c2st_auc")


def made(name: str) -> Cohort:
    return generators.reference_generators(profiles=6)[name](TRAIN, 800, np.random.default_rng(0))


@pytest.mark.slow
@pytest.mark.parametrize("name", DETECTORS)
def test_real_patients_and_copies_pass(name: str):
    assert getattr(detection, name)(HELDOUT, FRESH) == pytest.approx(0.5, abs=0.06)
    assert getattr(detection, name)(HELDOUT, made("memoriser")) == pytest.approx(0.5, abs=0.06)


def test_each_detector_finds_its_fault():
    first, second = FRESH.diagnoses["code"].value_counts().index[:2]
    only_one = FRESH.diagnoses.assign(code=FRESH.diagnoses["code"].replace({second: first}))
    assert detection.c2st_codes_auc(HELDOUT, Cohort(FRESH.patients, only_one)) > 0.6
    assert detection.c2st_structure_auc(HELDOUT, made("independent_codes")) > 0.56
    assert detection.c2st_repeats_auc(HELDOUT, made("collapsed")) > 0.95


@pytest.mark.parametrize("collapsed", [made("collapsed"), cohort([["39001"]] * 800)], ids=["twenty", "one"])
def test_a_collapse_is_told_apart_at_sight(collapsed: Cohort):
    assert detection.c2st_auc(HELDOUT, collapsed) > 0.95


def test_repeats_by_hand():
    real, synthetic = cohort([["4019"], ["4019"], ["486"]]), cohort([["4019"], ["4019"], ["4019"]])
    # 3 against 2, 2 and 1: always more often; and the other way round never
    assert detection.c2st_repeats_auc(real, synthetic) == 1.0
    assert detection.c2st_repeats_auc(synthetic, real) == 0.0
    assert detection.c2st_repeats_auc(real, real) == 0.5


def test_equal_records_share_a_fold_and_each_fold_has_both():
    fold = detection._folds(HELDOUT, FRESH)
    keys = np.concatenate([fingerprints.of_records(one) for one in (HELDOUT, FRESH)])
    assert all(len(set(fold[keys == key])) == 1 for key in np.unique(keys)[:50])
    assert len(np.unique(keys)) < len(keys)
    few = cohort([[code] for code in ("4010", "4011", "4012", "4013", "4014")])
    others = cohort([[code] for code in ("4010", "4011", "486", "4280", "V270", "4019")])
    fold = detection._folds(few, others)
    assert set(fold[:5]) == set(fold[5:]) == set(range(5))


def test_equals_the_reference():
    first, second = (fingerprints.sorted_patients(one) for one in (HELDOUT, made("independent_codes")))
    columns = np.concatenate([sets.toarray() for sets in neighbours.elements(first, second)]).astype(float)
    label = np.repeat([0, 1], 800)
    folds = PredefinedSplit(detection._folds(first, second))
    model = LogisticRegression(C=detection.PENALTY, max_iter=1000)
    scored = cross_val_score(
        model, columns, label, cv=folds, scoring=lambda m, x, y: roc_auc_score(y, m.decision_function(x))
    )
    assert detection.c2st_codes_auc(first, second) == pytest.approx(scored.mean(), abs=1e-3)


@pytest.mark.parametrize("name", ["c2st_codes_auc", "c2st_structure_auc"])
def test_too_few_distinct_records_are_not_judged(name: str):
    with pytest.raises(NotJudged, match="1 distinct records are too few for 5 folds"):
        getattr(detection, name)(HELDOUT, cohort([["4019"]] * 800))
