"""Birth, admissions and discharges of patients whose generator knows no dates.

The dates are invented. What they carry is the order of visits and the age at the first, which is exact to the
second; times between visits and lengths of stay say nothing about anybody. As in MIMIC-III first admissions fall
into the years 2100 to 2199, so that nobody takes them for real ones.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from ehrgen.data.cohort import Cohort

DAY = 86_400
YEAR = 365.2425 * DAY
# Of a hospital stay in MIMIC-III (Johnson et al. 2016, https://doi.org/10.1038/sdata.2016.35); gaps are made up.
MEDIAN_STAY, MEDIAN_GAP = 6.9 * DAY, 180 * DAY
SPREAD = 0.8  # standard deviation of the logarithm of both
FIRST_DAY, DAYS = np.datetime64("2100-01-01", "s"), 100 * 365
LONGEST = 30 * YEAR  # from first to last admission; more visits come closer together, so that nobody outlives 125


@dataclass(frozen=True)
class Timeline:
    """Dates of a cohort, to the second.

    Attributes:
        births: One row a patient: patient_id, born (a midnight).
        admissions: One row a visit: patient_id, visit, hadm_id, admitted, discharged; sorted.
    """

    births: pd.DataFrame
    admissions: pd.DataFrame

    @classmethod
    def of(cls, cohort: Cohort, rng: np.random.Generator) -> Self:
        """Dates for every patient and visit; a visit ends before the next begins."""
        people, rows = cohort.patients, cohort.diagnoses
        visits = rows.loc[rows["position"] == 0, ["patient_id", "visit"]].reset_index(drop=True)
        who = np.searchsorted(people["patient_id"], visits["patient_id"])
        age = np.rint(people["age_years"].to_numpy() * YEAR).astype("int64")
        born = FIRST_DAY + (rng.integers(DAYS, size=len(people)) - age // DAY) * DAY
        stay = MEDIAN_STAY * np.exp(SPREAD * rng.standard_normal(len(visits)))
        gap = DAY + MEDIAN_GAP * np.exp(SPREAD * rng.standard_normal(len(visits)))
        since_first = _since_first(stay + gap, visits["visit"].to_numpy())
        last = np.zeros(len(people))
        np.maximum.at(last, who, since_first)
        scale = np.minimum(1, LONGEST / np.maximum(last, 1))[who]
        admitted = (born + age)[who] + (since_first * scale).astype("int64")
        dates = {"admitted": admitted, "discharged": admitted + (stay * scale).astype("int64")}
        return cls(
            pd.DataFrame({"patient_id": people["patient_id"], "born": born}),
            visits.assign(hadm_id=np.arange(1, len(visits) + 1), **dates),
        )


def _since_first(steps: np.ndarray, visit: np.ndarray) -> np.ndarray:
    """Sum of the steps of a patient's earlier visits, which are numbered 0, 1, ...

    Example:
        >>> _since_first(np.array([5, 1, 2, 7, 3]), np.array([0, 1, 2, 0, 1])).tolist()
        [0, 5, 6, 0, 7]
    """
    before = np.cumsum(steps) - steps
    return before - np.maximum.accumulate(np.where(visit == 0, before, 0))
