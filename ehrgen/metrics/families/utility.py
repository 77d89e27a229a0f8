"""Does a model that learnt from synthetic patients work on real ones?

Train on synthetic, test on real (TSTR), the reverse (TRTS), and what synthetic patients add to real ones. The value
of a second real sample, the floor, is that of real on real: a question that real patients cannot answer either is no
question. Means over conditions and over two learners, logistic regression and gradient boosting.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from ehrgen.data.cohort import Cohort
from ehrgen.data.disclosure import SMALLEST_SHOWN
from ehrgen.metrics.statistics import ranking, tasks
from ehrgen.metrics.statistics.tasks import Question
from ehrgen.metrics.table.suite import NotJudged

Measure = Callable[..., Float[ndarray, " B"]]
AUROC, AUPRC = ranking.auroc_of_resamples, ranking.average_precision_of_resamples


def tstr_auroc(heldout: Cohort, synthetic: Cohort) -> float:
    """AUROC on held-out patients of models trained on synthetic ones: chronic conditions hidden within a visit.

    Good is the floor's, that of models trained on real patients; 0.5 has learnt nothing. A copy of the training set
    passes, and so does whatever keeps pairs of codes, whatever the visits before.

    Raises:
        NotJudged: If too few held-out patients have any of the conditions.

    Source:
        Esteban et al. (2017), RGAN. https://arxiv.org/abs/1706.02633
    """
    return _value(AUROC, "hidden", synthetic, heldout, heldout)


def tstr_auroc_half_width(heldout: Cohort, synthetic: Cohort) -> float:
    """Half-width of the 95 % bootstrap interval of `tstr_auroc` over held-out patients, the models staying as they are.

    About 0.01 for 3,000 patients. It does not hold what other synthetic patients would teach: that is between seeds.
    """
    return _half_width(AUROC, "hidden", synthetic, heldout)


def tstr_auprc(heldout: Cohort, synthetic: Cohort) -> float:
    """As `tstr_auroc`, the area under precision and recall: its chance level is the prevalence.

    Good is the floor's. It weighs the patients that are ranked first, where a generator of mean patients is weak.
    """
    return _value(AUPRC, "hidden", synthetic, heldout, heldout)


def tstr_auprc_half_width(heldout: Cohort, synthetic: Cohort) -> float:
    """As `tstr_auroc_half_width`, of `tstr_auprc`.

    About 0.015 for 3,000 patients; a smaller difference from the floor says nothing.
    """
    return _half_width(AUPRC, "hidden", synthetic, heldout)


def tstr_next_auroc(heldout: Cohort, synthetic: Cohort) -> float:
    """As `tstr_auroc`, of chronic conditions at the next visit, this one's codes all known.

    Good is the floor's. A generator whose visits are drawn one by one has not seen that a condition stays.

    Raises:
        NotJudged: If a cohort has no patient with two visits.
    """
    return _value(AUROC, "next", synthetic, heldout, heldout)


def tstr_next_auprc(heldout: Cohort, synthetic: Cohort) -> float:
    """As `tstr_next_auroc`, the area under precision and recall.

    Good is the floor's; the prevalence is what knowing nothing gives.
    """
    return _value(AUPRC, "next", synthetic, heldout, heldout)


def tstr_second_auroc(heldout: Cohort, synthetic: Cohort) -> float:
    """As `tstr_auroc`, of whether a patient has a second visit, from the first.

    Good is the floor's. Where the floor is near 0.5, as in a cohort whose visits are counted by lot, nobody can tell.
    """
    return _value(AUROC, "second", synthetic, heldout, heldout)


def trts_auroc(heldout: Cohort, synthetic: Cohort, train: Cohort) -> float:
    """AUROC on synthetic patients of models trained on real ones, conditions hidden within a visit.

    Good is the floor's. Above it synthetic patients are caricatures, easier than life; below it they are blurred.

    Raises:
        NotJudged: If all synthetic visits agree on a condition.
    """
    return _value(AUROC, "hidden", train, synthetic, heldout)


def trts_auprc(heldout: Cohort, synthetic: Cohort, train: Cohort) -> float:
    """As `trts_auroc`, the area under precision and recall.

    Good is the floor's; it moves with the prevalence among synthetic patients, so a wrong one shows too.
    """
    return _value(AUPRC, "hidden", train, synthetic, heldout)


def augmentation_auroc(heldout: Cohort, synthetic: Cohort, train: Cohort) -> float:
    """AUROC on held-out patients of models trained on training and synthetic patients, minus of the former alone.

    Good is the floor's, what as many more real patients add; 0 adds nothing, and below 0 they harm. A copy of the
    training set adds nothing.
    """
    return _gain(AUROC, heldout, synthetic, train)


def augmentation_auprc(heldout: Cohort, synthetic: Cohort, train: Cohort) -> float:
    """As `augmentation_auroc`, the area under precision and recall.

    Good is the floor's; below 0 synthetic patients harm.
    """
    return _gain(AUPRC, heldout, synthetic, train)


def _gain(measure: Measure, heldout: Cohort, synthetic: Cohort, train: Cohort) -> float:
    augmented = _value(measure, "hidden", tasks.together(train, synthetic), heldout, heldout)
    return augmented - _value(measure, "hidden", train, heldout, heldout)


def _value(measure: Measure, kind: str, train: Cohort, test: Cohort, heldout: Cohort) -> float:
    """The mean over what can be asked and over learners."""
    ones = np.ones((1, len(test)), np.int64)
    return float(_resampled(measure, kind, train, test, heldout, ones)[0])


def _half_width(measure: Measure, kind: str, train: Cohort, heldout: Cohort) -> float:
    times = np.random.default_rng(0).poisson(1, (ranking.RESAMPLES, len(heldout)))
    return ranking.half_width(_resampled(measure, kind, train, heldout, heldout, times))


def _resampled(
    measure: Measure, kind: str, train: Cohort, test: Cohort, heldout: Cohort, times: Int[ndarray, "B P"]
) -> Float[ndarray, " B"]:
    """The mean for each resample of test patients.

    Raises:
        NotJudged: If nothing can be asked.
    """
    asked = _judged(tasks.questions(kind, heldout, heldout))
    tests, trained = tasks.questions(kind, test, heldout), tasks.questions(kind, train, heldout)
    values: list[Float[ndarray, " B"]] = []
    for question, learnt, scores in zip(tests, trained, tasks.scores(kind, train, test, heldout), strict=True):
        if question.what not in asked:
            continue
        if len(learnt.answer) == 0:
            raise NotJudged("not applicable: no synthetic patient has a second visit")
        if len(set(question.answer)) < 2:
            raise NotJudged(f"not applicable: all synthetic visits agree on {question.what}")
        values += [measure(question.answer, score, times[:, question.patient]) for score in scores]
    return np.mean(values, axis=0)


def _judged(questions: tuple[Question, ...]) -> set[str]:
    """What may be asked: 11 or more held-out patients with each answer.

    Raises:
        NotJudged: If that is nothing.
    """
    fewest = {
        question.what: min(len(np.unique(question.patient[question.answer == answer])) for answer in (True, False))
        for question in questions
    }
    if not any(fewest.values()):
        raise NotJudged(f"not applicable: all held-out patients agree on {', '.join(fewest)}")
    asked = {what for what, patients in fewest.items() if patients >= SMALLEST_SHOWN}
    if not asked:
        raise NotJudged(f"suppressed: fewer than {SMALLEST_SHOWN} held-out patients to tell by {', '.join(fewest)}")
    return asked
