from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ehrgen.release import mimic3_tables
from ehrgen.release.demographics import DemographicsError, people
from ehrgen.release.timeline import Timeline
from tests.support.cohorts import cohort


def drawn(patients: int = 400, age: str = "60-70", sex: str | None = None, seed: int = 0) -> pd.DataFrame:
    return people(patients, age, sex, np.random.default_rng(seed))


def test_one_age_and_one_sex():
    found = drawn(400, "65", "F")
    assert set(found["sex"]) == {"F"}
    assert set(np.floor(found["age_years"])) == {65}
    assert found["age_years"].std() == pytest.approx(1 / 12**0.5, rel=0.1), "any birthday"


@pytest.mark.parametrize(("age", "exact"), [("0", 0), ("90", 90), ("65.0", 65), ("0.5", 0.5)])
def test_birth_the_oldest_and_a_decimal_are_exact(age: str, exact: float):
    assert drawn(3, age)["age_years"].tolist() == [exact] * 3


def test_who_is_asked_for_at_65_is_65_by_the_calendar_and_by_days(tmp_path: Path):
    asked = drawn(500, "65")
    patients = cohort([["0389"]] * 500, "".join(asked["sex"]), asked["age_years"].tolist())
    mimic3_tables.write(patients, Timeline.of(patients, np.random.default_rng(0)), tmp_path)
    born = pd.to_datetime(pd.read_csv(tmp_path / "PATIENTS.csv")["DOB"])
    here = pd.to_datetime(pd.read_csv(tmp_path / "ADMISSIONS.csv")["ADMITTIME"])
    birthday_to_come = here.dt.strftime("%m%d") < born.dt.strftime("%m%d")
    assert set(here.dt.year - born.dt.year - birthday_to_come) == {65}
    assert set((here - born).dt.days / 365.25 // 1) == {65}


def test_a_range_is_filled_evenly_by_both_sexes():
    found = drawn(4000)
    assert found["age_years"].between(60, 71).all()
    assert found["age_years"].mean() == pytest.approx(65.5, abs=0.2)  # standard error 0.05
    assert found["age_years"].std() == pytest.approx(11 / 12**0.5, rel=0.05)
    assert (found["sex"] == "F").mean() == pytest.approx(0.5, abs=0.03)  # standard error 0.008


def test_the_seed_decides():
    assert drawn(seed=1).equals(drawn(seed=1))
    assert not drawn(seed=1).equals(drawn(seed=2))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"age": "91"}, "--age 91: ages run from 0 to 90, low-high; 90 stands for everyone over 89"),
        ({"age": "70-60"}, "--age 70-60: ages run from 0 to 90, low-high"),
        ({"age": "-5"}, "--age -5: no age in years; write 65 or 60-70"),
        ({"age": "old"}, "--age old: no age in years"),
        ({"age": "nan"}, "--age nan: no age in years"),
        ({"sex": "X"}, "--sex X: unknown; known are F, M"),
        ({"patients": 0}, "--patients 0: ask for at least one"),
    ],
)
def test_what_cannot_be_asked_for(change: dict, message: str):
    with pytest.raises(DemographicsError, match=f"^{message}"):
        drawn(**change)
