"""Does a record contradict itself: codes of the other sex or another age, a code twice in one visit?

Rates are per code that carries a rule. Per row, a cohort whose codes ignore sex looks 99 % valid, and one
without any rule-bearing code 100 %: the first is the wrong denominator, the second vacuous.
"""

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from ehrgen.data import icd9
from ehrgen.data.cohort import Cohort
from ehrgen.metrics.suite import VACUOUS, NotJudged

OLDEST = 124  # upper end of every age in the edits


def sex_violations(real: Cohort, synthetic: Cohort) -> float:
    """Share of the sex-specific synthetic codes that stand in a patient of the other sex.

    Raises:
        NotJudged: If no code is sex-specific: 0 % would be vacuous.
    """
    bears, breaks, _ = _sex_rules(synthetic)
    return _rate(bears, breaks, "sex")


def age_violations(real: Cohort, synthetic: Cohort) -> float:
    """Share of the age-limited synthetic codes that stand in a patient outside the limits.

    First visits only: a cohort states the age there and nowhere else.

    Raises:
        NotJudged: If no code is age-limited: 0 % would be vacuous.
    """
    bears, breaks, _ = _age_rules(synthetic)
    return _rate(bears, breaks, "age")


def sex_rule_patients(real: Cohort, synthetic: Cohort) -> float:
    """Share of synthetic patients with any sex-specific code: on how much `sex_violations` rests."""
    bears, _, patient = _sex_rules(synthetic)
    return float(len(np.unique(patient[bears])) / len(synthetic))


def age_rule_patients(real: Cohort, synthetic: Cohort) -> float:
    """Share of synthetic patients with any age-limited code at the first visit."""
    bears, _, patient = _age_rules(synthetic)
    return float(len(np.unique(patient[bears])) / len(synthetic))


def repeated_codes(real: Cohort, synthetic: Cohort) -> float:
    """Share of synthetic visits that hold a code twice."""
    rows = synthetic.diagnoses[["patient_id", "visit", "code"]]
    repeats = rows.duplicated().to_numpy()
    starts = rows.duplicated(["patient_id", "visit"]).to_numpy()
    visits_with = len(rows[repeats].drop_duplicates(["patient_id", "visit"]))
    return float(visits_with / (~starts).sum())


Rules = tuple[Bool[ndarray, " R"], Bool[ndarray, " R"], ndarray]


def _sex_rules(cohort: Cohort) -> Rules:
    """Of each diagnosis: whether it bears a rule, whether it breaks it, and its patient's row."""
    patient = np.searchsorted(cohort.patients["patient_id"], cohort.diagnoses["patient_id"])
    required = icd9.edits(cohort.diagnoses["code"])["sex_required"].to_numpy(dtype=str)
    bears = required != ""
    return bears, bears & (required != cohort.patients["sex"].to_numpy(dtype=str)[patient]), patient


def _age_rules(cohort: Cohort) -> Rules:
    """As `_sex_rules`, of the diagnoses of first visits."""
    rows = cohort.diagnoses[cohort.diagnoses["visit"] == 0]
    patient = np.searchsorted(cohort.patients["patient_id"], rows["patient_id"])
    edits = icd9.edits(rows["code"])
    low, high = edits["age_min"].to_numpy(), edits["age_max"].to_numpy()
    age = np.floor(cohort.patients["age_years"].to_numpy())[patient]
    return (low > 0) | (high < OLDEST), (age < low) | (age > high), patient


def _rate(bears: ndarray, breaks: ndarray, rule: str) -> float:
    if not bears.any():
        raise NotJudged(f"{VACUOUS}: no synthetic code carries a rule on {rule}")
    return float(breaks.sum() / bears.sum())
