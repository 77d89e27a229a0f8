"""Can a classifier tell synthetic from held-out patients? Never training ones: a copy of those would pass.

Patients with the same record stay in one fold, so that nobody is recognised by a twin the classifier has seen.
Each cohort is cut into folds by what its records are, never by the order of its patients.
"""

import numpy as np
from jaxtyping import Bool, Int
from numpy import ndarray
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from ehrgen.data.cohort import Cohort
from ehrgen.metrics.cohorts import features, fingerprints, neighbours
from ehrgen.metrics.cohorts.cache import remembered
from ehrgen.metrics.statistics import ranking
from ehrgen.metrics.table.suite import NotJudged

FOLDS = 5
PENALTY = 0.2  # inverse strength of L2; between 0.05 and 1 it hardly matters


def c2st_auc(heldout: Cohort, synthetic: Cohort) -> float:
    """Area under the ROC curve of the best of three detectors, 0 to 1: 0.5 is ideal, 1 is told apart at sight.

    They read codes, structure, and how often a record occurs. A copy of the training set passes, so read it beside
    `membership_auc`; the best of three is a little above 0.5 for real patients too, see the floor.

    Source:
        Lopez-Paz & Oquab (2017), Revisiting classifier two-sample tests. https://arxiv.org/abs/1610.06545
    """
    aurocs = [c2st_repeats_auc(heldout, synthetic)]
    for detector in (c2st_codes_auc, c2st_structure_auc):
        try:
            aurocs.append(detector(heldout, synthetic))
        except NotJudged:  # too few distinct records for a fold: repeats tell it all
            continue
    return max(aurocs)


@remembered
def c2st_codes_auc(heldout: Cohort, synthetic: Cohort) -> float:
    """Cross-validated AUC of logistic regression on the codes of a patient, sex and age bracket: 0.5 is ideal.

    It sees wrong frequencies and no pairs: independent codes pass where frequencies are right.

    Raises:
        NotJudged: If a cohort has fewer than 5 distinct records.
    """
    first, second = (fingerprints.sorted_patients(cohort) for cohort in (heldout, synthetic))
    columns = sparse.vstack(neighbours.elements(first, second), format="csr").astype(np.float64)
    return _cross_validated(first, second, columns, LogisticRegression(C=PENALTY, max_iter=1000))


@remembered
def c2st_structure_auc(heldout: Cohort, synthetic: Cohort) -> float:
    """Cross-validated AUC of gradient boosting on lengths, repeats, chapters, sex and age: 0.5 is ideal.

    It sees what codes one by one do not show: visits of the wrong length, chapters that do not go together, records
    that occur too often. Wrong codes of the right chapter pass.

    Raises:
        NotJudged: If a cohort has fewer than 5 distinct records.
    """
    first, second = (fingerprints.sorted_patients(cohort) for cohort in (heldout, synthetic))
    columns = np.concatenate([features.structure(first), features.structure(second)])
    model = HistGradientBoostingClassifier(
        max_iter=60, max_leaf_nodes=8, learning_rate=0.1, early_stopping=False, random_state=0
    )
    return _cross_validated(first, second, columns, model)


def c2st_repeats_auc(heldout: Cohort, synthetic: Cohort) -> float:
    """P(a synthetic record occurs more often in its cohort than a held-out one in its own), ties half: 0.5 is ideal.

    Nothing is fitted. 1 is a collapse; below 0.5 the generator repeats itself less than life does.
    """
    times = [_times(fingerprints.of_records(cohort)) for cohort in (heldout, synthetic)]
    return ranking.auroc(_labels(heldout, synthetic), np.concatenate(times).astype(np.float64))


def _cross_validated(heldout: Cohort, synthetic: Cohort, columns: sparse.csr_array | ndarray, model) -> float:
    """Mean over folds of the AUC on the fold of a model fitted to the others.

    The mean, not the AUC of all scores together: intercepts of different folds do not compare.
    """
    label, fold = _labels(heldout, synthetic), _folds(heldout, synthetic)
    aurocs = []
    for number in range(FOLDS):
        test = fold == number
        model.fit(columns[~test], label[~test])
        aurocs.append(ranking.auroc(label[test], model.decision_function(columns[test])))
    return float(np.mean(aurocs))


def _labels(heldout: Cohort, synthetic: Cohort) -> Bool[ndarray, " P"]:
    return np.repeat([False, True], [len(heldout), len(synthetic)])


def _folds(heldout: Cohort, synthetic: Cohort) -> Int[ndarray, " P"]:
    """The fold of each patient, held-out ones first; equal records in the same, and some of both cohorts in each.

    Raises:
        NotJudged: If that cannot be.
    """
    keys = [fingerprints.of_records(cohort) for cohort in (heldout, synthetic)]
    together, place = np.unique(np.concatenate(keys), return_inverse=True)
    inside = [np.isin(together, key) for key in keys]
    if (fewest := min(map(np.count_nonzero, inside))) < FOLDS:
        raise NotJudged(f"{fewest} distinct records are too few for {FOLDS} folds")
    both, fold = inside[0] & inside[1], np.zeros(len(together), dtype=np.int64)
    fold[both] = np.arange(both.sum()) % FOLDS
    for alone in (inside[0] & ~both, inside[1] & ~both):
        fold[alone] = (both.sum() + np.arange(alone.sum())) % FOLDS  # goes on counting: no fold stays empty
    return fold[place]


def _times(keys: ndarray) -> Int[ndarray, " P"]:
    """How many patients have each patient's key."""
    _, place, times = np.unique(keys, return_inverse=True, return_counts=True)
    return times[place]
