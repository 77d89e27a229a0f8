"""Dated diagnoses become visits, by one rule for every source of events.

1. A diagnosis that names its stay belongs to that stay.
2. Without a name it belongs to the patient's last stay that began at or before it, unless that stay had ended.
3. Without a stay it belongs to its calendar day.

A visit stands in time where its stay begins; where that is not known, at its first diagnosis.
"""

import numpy as np
import pandas as pd

from ehrgen.data.cohort import SEXES, UNKNOWN_SEX
from ehrgen.data.readers.quality import TOLERATED, Quality, refuse

DAYS_PER_YEAR = 365.2425
LONGEST_LIFE = 125
# MIMIC-III sets the birth of patients over 89 some 300 years before their first admission.
SHIFTED, SHIFTED_LAST = 290, 340


def with_visits(diagnoses: pd.DataFrame, stays: pd.DataFrame, where: str, quality: Quality) -> pd.DataFrame:
    """The diagnoses with `visit`, a number that orders the visits of a patient, and `start`, when the visit began.

    Args:
        diagnoses: patient_id, time (may be empty), stay (its name, or '') and whatever else.
        stays: patient_id, stay (its name, or ''), start and end (may be empty).
        where: The place, for messages.

    Raises:
        ReaderError: If too many diagnoses can be placed nowhere.
    """
    rows = diagnoses.reset_index(drop=True)
    stays = stays.sort_values("start", kind="stable", ignore_index=True)
    found = _stay_around(rows, stays)
    around = stays.reindex(found).set_axis(rows.index)
    within = (rows["stay"] == "") & (found >= 0)
    name = rows["stay"].where(~within, around["stay"])
    unnamed = around["start"].where(within & (name == ""))
    day = rows["time"].dt.normalize().where((name == "") & unnamed.isna())
    quality.kept["diagnoses placed by the stay they name"] = int((rows["stay"] != "").sum())
    quality.kept["diagnoses placed by the stay around them"] = int(within.sum())
    quality.kept["diagnoses placed by their calendar day"] = int(day.notna().sum())
    keys = pd.DataFrame({"patient_id": rows["patient_id"], "stay": name, "unnamed": unnamed, "day": day})
    rows["visit"] = keys.groupby(list(keys), dropna=False, sort=False).ngroup()
    begun = stays[stays["stay"] != ""].groupby(["patient_id", "stay"])["start"].min().rename("begun")
    start = keys.join(begun, on=["patient_id", "stay"])["begun"].fillna(unnamed)
    rows["start"] = start.fillna(rows.groupby("visit")["time"].transform("min"))
    placed = rows["start"].notna()
    quality.dropped["diagnoses without a time"] = refuse(
        int((~placed).sum()), len(rows), where, "have neither a time nor a dated stay", "date them", TOLERATED
    )
    return _in_time(rows[placed])


def _stay_around(rows: pd.DataFrame, stays: pd.DataFrame) -> np.ndarray:
    """Row of the stay, of those sorted by start, that each diagnosis falls into; -1 for none."""
    found = np.full(len(rows), -1)
    dated = rows.loc[rows["time"].notna(), ["patient_id", "time"]].sort_values("time", kind="stable")
    spans = stays[["patient_id", "start", "end"]].assign(place=np.arange(len(stays)))
    near = pd.merge_asof(dated, spans, left_on="time", right_on="start", by="patient_id")
    inside = near["place"].notna() & (near["end"].isna() | (near["time"] <= near["end"]))
    found[dated.index] = near["place"].where(inside, -1).to_numpy(dtype=np.int64)
    return found


def _in_time(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with `visit` renumbered so that it follows `start`."""
    first = rows.drop_duplicates("visit").sort_values(["patient_id", "start", "visit"], kind="stable")
    order = pd.Series(np.arange(len(first)), index=first["visit"].to_numpy())
    return rows.assign(visit=rows["visit"].map(order))


def age_between(birth: pd.Series, time: pd.Series, where: str) -> pd.Series:
    """Age in years at a point in time; NaN where either is empty.

    Raises:
        ReaderError: If an age is negative by more than a day, or one that nobody reaches and no known source makes up.
    """
    days = (time - birth).dt.total_seconds() / 86_400
    age = days / DAYS_PER_YEAR
    wrong = (days < -1) | ((age > LONGEST_LIFE) & (age < SHIFTED)) | (age > SHIFTED_LAST)
    remedy = "take births and visits from one release"
    refuse(int(wrong.sum()), len(age), where, f"give an age below 0 or over {LONGEST_LIFE} years", remedy)
    return age


def described(patients: pd.DataFrame, where: str, quality: Quality, partial: bool) -> pd.DataFrame:
    """The patients whose sex (M or F) and age are known; the others are dropped and counted.

    Args:
        partial: What is known of nobody may be missing: then the sex is UNKNOWN_SEX, the age NaN.

    Raises:
        ReaderError: If too many have not what others have.
    """
    for column, thing in (("sex", "a sex of M or F"), ("age_years", "an age")):
        known = patients["sex"].isin(SEXES) if column == "sex" else patients["age_years"].notna()
        if partial and not known.any():
            continue
        quality.dropped[f"patients without {thing}"] = refuse(
            int((~known).sum()), len(patients), where, f"are without {thing}", "add it, or leave them out", TOLERATED
        )
        patients = patients[known]
    return patients.assign(sex=patients["sex"].where(patients["sex"].isin(SEXES), UNKNOWN_SEX))
