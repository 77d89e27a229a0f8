"""Cohorts for tests: a few patients written by hand, and as many as wanted from a small known process."""

import numpy as np
import pandas as pd

from ehrgen.data.cohort import Cohort
from ehrgen.metrics.families.likelihood import Likelihood

GENERIC = [f"{category}{digit}" for category in range(390, 420) for digit in range(6)]
FEMALE, MALE, NEWBORN = ["V270", "64421"], ["1850", "60000"], ["V3000", "7742"]
CODES = np.array([*GENERIC, *FEMALE, *MALE, *NEWBORN], dtype=object)
PROFILES = 6


def cohort(records: list[list[str]], sex: str | None = None, age: list[float] | None = None) -> Cohort:
    """Patients 0, 1, ... from their visits: `[["4019 25000", "4280"], ["486"]]` has two and one.

    Args:
        sex: A letter a patient; all F by default.
        age: Years at the first visit; all 50 by default.
    """
    rows = [
        (patient, visit, position, code)
        for patient, visits in enumerate(records)
        for visit, codes in enumerate(visits)
        for position, code in enumerate(codes.split())
    ]
    patients = pd.DataFrame(
        {
            "patient_id": np.arange(len(records)),
            "sex": list(sex or "F" * len(records)),
            "age_years": age or [50.0] * len(records),
            "split": "unassigned",
        }
    )
    return Cohort.from_rows(patients, pd.DataFrame(rows, columns=["patient_id", "visit", "position", "code"]))


def population(patients: int, seed: int) -> Cohort:
    """Patients with one of six profiles, one to three visits, and codes independent given the profile.

    The profile depends on age and stays between visits; sex- and age-specific codes keep to their patients.
    """
    law, rng = np.random.default_rng(0), np.random.default_rng(seed)
    code_chance = np.clip(law.gamma(0.12, 0.25, size=(PROFILES, len(CODES))), 0.002, 0.8)
    sex = rng.choice(["F", "M"], size=patients)
    age = np.where(rng.random(patients) < 0.1, 0.0, rng.uniform(20, 55, patients))
    profile = np.minimum((age / 55 * PROFILES).astype(int) + rng.integers(0, 2, patients), PROFILES - 1)
    owner = np.repeat(np.arange(patients), rng.choice(3, p=[0.75, 0.2, 0.05], size=patients) + 1)
    visit = np.arange(len(owner)) - np.searchsorted(owner, owner)
    present = rng.random((len(owner), len(CODES))) < code_chance[profile[owner]]
    present[:, np.isin(CODES, FEMALE)] &= (sex == "F")[owner, None] & (age >= 12)[owner, None]
    present[:, np.isin(CODES, MALE)] &= (sex == "M")[owner, None] & (age >= 15)[owner, None]
    present[:, np.isin(CODES, NEWBORN)] &= (age < 1)[owner, None]
    present[present.sum(axis=1) == 0, 0] = True
    row, code = present.nonzero()
    people = pd.DataFrame({"patient_id": np.arange(patients), "sex": sex, "age_years": age, "split": "unassigned"})
    diagnoses = pd.DataFrame({"patient_id": owner[row], "visit": visit[row], "position": code, "code": CODES[code]})
    return Cohort.from_rows(people, diagnoses)


def renumbered(original: Cohort, seed: int) -> Cohort:
    """The same patients in another order: new ids, all rows moved."""
    new = np.random.default_rng(seed).permutation(len(original))
    names = dict(zip(original.patients["patient_id"], new, strict=True))
    return Cohort.from_rows(
        original.patients.assign(patient_id=original.patients["patient_id"].map(names)),
        original.diagnoses.assign(patient_id=original.diagnoses["patient_id"].map(names)),
    )


def likelihood_of(heldout: Cohort, train: Cohort) -> Likelihood:
    """What a generator might say of these patients: two nats a diagnosis, and a hundredth for each year of age."""
    parts = []
    for split, people in (("heldout", heldout), ("train", train)):
        codes = people.diagnoses["patient_id"].value_counts(sort=False).reindex(people.patients["patient_id"])
        nats = -2.0 * codes.to_numpy() - people.patients["age_years"].to_numpy() / 100
        rows = {"patient_id": people.patients["patient_id"], "split": split, "log_likelihood": nats}
        parts.append(pd.DataFrame({**rows, "codes": codes.to_numpy(dtype="int32")}))
    return Likelihood(pd.concat(parts, ignore_index=True))
