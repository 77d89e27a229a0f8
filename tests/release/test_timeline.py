import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from ehrgen.release.timeline import DAY, LONGEST, YEAR, Timeline
from tests.support.cohorts import cohort
from tests.support.sequences import RECORDS, from_records


def seconds(found: pd.Series) -> np.ndarray:
    return found.to_numpy().astype("datetime64[s]").astype("int64")


@settings(max_examples=20)
@given(RECORDS)
def test_visits_follow_each_other(records):
    patients = from_records(records)
    stays = Timeline.of(patients, np.random.default_rng(0)).admissions
    visits = patients.diagnoses.loc[patients.diagnoses["position"] == 0, ["patient_id", "visit"]]
    assert stays[["patient_id", "visit"]].to_numpy().tolist() == visits.to_numpy().tolist()
    admitted, discharged = seconds(stays["admitted"]), seconds(stays["discharged"])
    same = np.diff(stays["patient_id"]) == 0
    assert (discharged > admitted).all()
    assert (admitted[1:][same] > discharged[:-1][same]).all()
    assert stays["hadm_id"].is_unique


def test_the_age_at_the_first_visit_is_exact():
    ages = [0.0, 0.01, 1.5, 65.0, 89.999, 90.0]
    found = Timeline.of(cohort([["4019"]] * 6, age=ages), np.random.default_rng(0))
    lived = seconds(found.admissions["admitted"]) - seconds(found.births["born"])
    assert lived / YEAR == pytest.approx(ages, abs=1 / YEAR)
    assert (seconds(found.births["born"]) % DAY == 0).all(), "a midnight, as in MIMIC-III"
    years = found.admissions["admitted"].dt.year
    assert years.between(2099, 2200).all()


def test_a_hundred_visits_fit_into_a_life():
    stays = Timeline.of(cohort([["4019"] * 100], age=[90.0]), np.random.default_rng(0)).admissions
    admitted = seconds(stays["admitted"])
    assert LONGEST * 0.99 < admitted[-1] - admitted[0] <= LONGEST
    assert (np.diff(admitted) > 0).all()


def test_stays_are_about_as_long_as_in_mimic3():
    stays = Timeline.of(cohort([["4019"]] * 4000), np.random.default_rng(0)).admissions
    days = (seconds(stays["discharged"]) - seconds(stays["admitted"])) / DAY
    assert np.median(days) == pytest.approx(6.9, rel=0.06)  # three standard errors of the median are 5 %


def test_dates_depend_on_the_seed_alone():
    patients = tiny_cohort()
    one, again, other = (Timeline.of(patients, np.random.default_rng(seed)) for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(one.admissions, again.admissions)
    pd.testing.assert_frame_equal(one.births, again.births)
    assert not one.admissions.equals(other.admissions)


def tiny_cohort():
    return cohort([["4019 25000", "486"], ["486"], ["V270", "4019", "4019"]])
