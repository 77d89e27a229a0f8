"""Questions about a patient that a model trained on some patients answers about others.

hidden   a chronic condition of a visit from the other codes of the visit, all codes of its own categories removed
next     a chronic condition of the next visit from all codes of this one
second   whether there is a second visit, from the first

Columns are the commonest categories of the reference cohort, sex, age at the first visit and the number of codes
left: fixed by real patients, so that every model reads the same. Axes: N cases, F columns, M models.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from numpy import ndarray
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from ehrgen.data.cohort import Cohort
from ehrgen.data.icd9 import codes as icd9
from ehrgen.metrics.cohorts import fingerprints, incidence
from ehrgen.metrics.cohorts.cache import remembered
from ehrgen.metrics.cohorts.handed_on import of_real_patients

# Multi-level CCS 7.1 (with 7.2.1 to 7.2.4), 3.2 and 7.2.11, at the level of ICD-9 categories.
CONDITIONS = {
    "hypertension": ("401", "402", "403", "404", "405"),
    "diabetes": ("249", "250"),
    "heart failure": ("428",),
    "coronary disease": ("410", "411", "412", "413", "414"),
}
COLUMNS = 64  # commonest categories; they cover two thirds of diagnoses, and boosting pays by the column
LEARNERS: tuple[Callable, ...] = (
    lambda: LogisticRegression(C=0.1, solver="newton-cholesky", max_iter=200),
    lambda: HistGradientBoostingClassifier(
        max_iter=20, max_leaf_nodes=8, learning_rate=0.15, early_stopping=False, random_state=0
    ),
)


@dataclass(frozen=True)
class Question:
    """The cases of one question.

    Attributes:
        what: The condition, or the event, in words.
        columns: What may be read.
        answer: What is to be predicted.
        patient: Row of the patient of each case.
    """

    what: str
    columns: Float[ndarray, "N F"]
    answer: Bool[ndarray, " N"]
    patient: Int[ndarray, " N"]


@remembered
def questions(kind: str, cohort: Cohort, reference: Cohort) -> tuple[Question, ...]:
    """The questions of one kind about this cohort, in an order of cases that is that of the patients no more."""
    ordered = fingerprints.sorted_patients(cohort)
    visits = _Visits.of(ordered, _commonest(reference))
    if kind == "second":
        count = incidence.visits_per_patient(ordered)
        first = np.cumsum(count) - count
        return (Question("second visit", visits.columns(first), count > 1, visits.patient[first]),)
    if kind == "next":
        here = np.flatnonzero(visits.patient[1:] == visits.patient[:-1])
        columns = visits.columns(here)
        return tuple(
            Question(what, columns, visits.has(own)[here + 1], visits.patient[here]) for what, own in CONDITIONS.items()
        )
    if kind != "hidden":
        raise ValueError(f"unknown kind of question '{kind}'; there are hidden, next, second")
    everywhere = np.arange(len(visits.patient))
    return tuple(
        Question(what, visits.columns(everywhere, without=own), visits.has(own), visits.patient)
        for what, own in CONDITIONS.items()
    )


@remembered
def models(kind: str, train: Cohort, reference: Cohort) -> tuple[tuple, ...]:
    """For each question one fitted model a learner, or None where all training cases have the same answer."""
    return tuple(
        tuple(make().fit(asked.columns, asked.answer) if len(set(asked.answer)) == 2 else None for make in LEARNERS)
        for asked in questions(kind, train, reference)
    )


@remembered
@of_real_patients
def scores(kind: str, train: Cohort, test: Cohort, reference: Cohort) -> tuple[Float[ndarray, "M N"], ...]:
    """For each question the log-odds that each model gives the test cases; no model gives all the same."""
    asked, fitted = questions(kind, test, reference), models(kind, train, reference)
    return tuple(
        np.stack([np.zeros(len(one.answer)) if model is None else model.decision_function(one.columns) for model in by])
        for one, by in zip(asked, fitted, strict=True)
    )


@remembered
def together(first: Cohort, second: Cohort) -> Cohort:
    """The patients of both."""
    shift = int(first.patients["patient_id"].max()) + 1 - int(second.patients["patient_id"].min())
    tables = zip((first.patients, first.diagnoses), (second.patients, second.diagnoses), strict=True)
    return type(first)(
        *(pd.concat([one, two.assign(patient_id=two["patient_id"] + shift)], ignore_index=True) for one, two in tables)
    )


@dataclass(frozen=True)
class _Visits:
    """Visits x categories of a cohort, and who made them."""

    categories: ndarray
    present: sparse.csr_array
    commonest: ndarray
    patient: Int[ndarray, " N"]
    person: Float[ndarray, "N 2"]

    @classmethod
    def of(cls, cohort: Cohort, commonest: ndarray) -> "_Visits":
        which, categories = pd.factorize(icd9.category(cohort.diagnoses["code"]), sort=True)
        present = incidence.matrix(cohort, which, len(categories))
        patient = np.repeat(np.arange(len(cohort)), incidence.visits_per_patient(cohort))
        people = cohort.patients
        person = np.column_stack([people["sex"] == "M", people["age_years"].fillna(0) / 100]).astype(np.float64)
        return cls(np.asarray(categories, dtype=object), present, commonest, patient, person[patient])

    def has(self, own: tuple[str, ...]) -> Bool[ndarray, " N"]:
        """Whether each visit has any of these categories."""
        return self.present[:, np.isin(self.categories, own)].sum(axis=1) > 0

    def columns(self, rows: Int[ndarray, " n"], without: tuple[str, ...] = ()) -> Float[ndarray, "n F"]:
        """What a model reads of these visits; categories `without` are removed, from the count too."""
        kept = self.present[rows][:, ~np.isin(self.categories, without)]
        names = self.categories[~np.isin(self.categories, without)]
        place = pd.Index(names).get_indexer([name for name in self.commonest if name not in without])
        table = np.zeros((len(rows), len(place)))
        table[:, place >= 0] = kept[:, place[place >= 0]].toarray()
        return np.column_stack([table, self.person[rows], np.log1p(kept.sum(axis=1))])


@remembered
def _commonest(reference: Cohort) -> ndarray:
    """The categories that most visits of the reference have, commonest first."""
    which, categories = pd.factorize(icd9.category(reference.diagnoses["code"]), sort=True)
    visits = incidence.matrix(reference, which, len(categories)).sum(axis=0)
    return np.asarray(categories, dtype=object)[np.argsort(-visits, kind="stable")[:COLUMNS]]
