"""Does a record contradict itself: codes of the other sex or another age, a code twice in one visit?

Rates are per code that carries a rule. Per row, a cohort whose codes ignore sex looks 99 % valid, and one
without any rule-bearing code 100 %: the first is the wrong denominator, the second vacuous.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int
from numpy import ndarray

from ehrgen.data.cohort import Cohort
from ehrgen.data.disclosure import SMALLEST_SHOWN
from ehrgen.data.icd9 import codes as icd9
from ehrgen.data.icd9.codebook import OLDEST_IN_EDITS
from ehrgen.metrics.cohorts.cache import remembered
from ehrgen.metrics.table.suite import VACUOUS, NotJudged


def sex_violations(real: Cohort, synthetic: Cohort) -> float:
    """Share of the sex-specific synthetic codes that stand in a patient of the other sex.

    Good is the floor, 0 or nearly; one half is what random sexes give. A generator that avoids such codes is not
    valid but vacuous: `sex_rule_patients` shows that.

    Raises:
        NotJudged: If no code is sex-specific: 0 % would be vacuous; or the rate would rest on fewer than 11 patients.
    """
    return _rate(_sex_rules(synthetic), "sex")


def sex_rule_patients(real: Cohort, synthetic: Cohort) -> float:
    """Share of synthetic patients with any sex-specific code: on how much `sex_violations` rests.

    Good is the floor's share; near 0 the rate of violations says nothing about the generator. Sex-specific codes for
    everybody, correctly placed, pass `sex_violations` and overshoot here.
    """
    return sex_rule_bearers(synthetic) / len(synthetic)


def age_violations(real: Cohort, synthetic: Cohort) -> float:
    """Share of the age-limited synthetic codes that stand in a patient outside the limits.

    First visits only: a cohort states the age there and nowhere else. Good is the floor, 0 or nearly; a generator that
    avoids such codes is vacuous, see `age_rule_patients`.

    Raises:
        NotJudged: If no code is age-limited: 0 % would be vacuous; or the rate would rest on fewer than 11 patients.
    """
    return _rate(_age_rules(synthetic), "age")


def age_rule_patients(real: Cohort, synthetic: Cohort) -> float:
    """Share of synthetic patients with any age-limited code at the first visit: on how much `age_violations` rests.

    Good is the floor's share; near 0 the rate of violations says nothing about the generator. Age-limited codes for
    everybody, correctly placed, pass `age_violations` and overshoot here.
    """
    return age_rule_bearers(synthetic) / len(synthetic)


def repeated_codes(real: Cohort, synthetic: Cohort) -> float:
    """Share of synthetic visits that hold a code twice.

    Good is the floor, 0 or nearly; more is a model that forgets what it has just written. Forbidding repeats when
    sampling wins it and proves nothing: see how `codes_per_visit` pays for that.
    """
    rows = synthetic.diagnoses[["patient_id", "visit", "code"]]
    visits_with = len(rows[rows.duplicated()].drop_duplicates(["patient_id", "visit"]))
    return float(visits_with / (~rows.duplicated(["patient_id", "visit"])).sum())


def sex_rule_bearers(cohort: Cohort) -> int:
    """Patients with a sex-specific code."""
    return _sex_rules(cohort).bearers


def sex_rule_breakers(cohort: Cohort) -> int:
    """Patients with a code of the other sex."""
    return _sex_rules(cohort).breakers


def age_rule_bearers(cohort: Cohort) -> int:
    """Patients with an age-limited code at the first visit."""
    return _age_rules(cohort).bearers


def age_rule_breakers(cohort: Cohort) -> int:
    """Patients with a code of another age at the first visit."""
    return _age_rules(cohort).breakers


def repeating_patients(cohort: Cohort) -> int:
    """Patients with a visit that holds a code twice."""
    rows = cohort.diagnoses[["patient_id", "visit", "code"]]
    return int(rows[rows.duplicated()]["patient_id"].nunique())


@dataclass(frozen=True)
class Rules:
    """Of each diagnosis: whether it bears a rule, whether it breaks it, and its patient's row."""

    bears: Bool[ndarray, " R"]
    breaks: Bool[ndarray, " R"]
    patient: Int[ndarray, " R"]

    @property
    def bearers(self) -> int:
        return len(np.unique(self.patient[self.bears]))

    @property
    def breakers(self) -> int:
        return len(np.unique(self.patient[self.breaks]))


@remembered
def _sex_rules(cohort: Cohort) -> Rules:
    if not cohort.has_sex:
        raise NotJudged("not applicable: the sex of the patients is unknown")
    patient = np.searchsorted(cohort.patients["patient_id"], cohort.diagnoses["patient_id"])
    required = icd9.edits(cohort.diagnoses["code"])["sex_required"].to_numpy(dtype=str)
    bears = required != ""
    return Rules(bears, bears & (required != cohort.patients["sex"].to_numpy(dtype=str)[patient]), patient)


@remembered
def _age_rules(cohort: Cohort) -> Rules:
    """Of the diagnoses of first visits."""
    if not cohort.has_age:
        raise NotJudged("not applicable: the age of the patients is unknown")
    rows = cohort.diagnoses[cohort.diagnoses["visit"] == 0]
    patient = np.searchsorted(cohort.patients["patient_id"], rows["patient_id"])
    edits = icd9.edits(rows["code"])
    low, high = edits["age_min"].to_numpy(), edits["age_max"].to_numpy()
    age = np.floor(cohort.patients["age_years"].to_numpy())[patient]
    return Rules((low > 0) | (high < OLDEST_IN_EDITS), (age < low) | (age > high), patient)


def _rate(rules: Rules, what: str) -> float:
    if not rules.bearers:
        raise NotJudged(f"{VACUOUS}: no synthetic code carries a rule on {what}")
    if rules.bearers < SMALLEST_SHOWN:
        raise NotJudged(f"suppressed: fewer than {SMALLEST_SHOWN} patients have a code with a rule on {what}")
    return float(rules.breaks.sum() / rules.bears.sum())
