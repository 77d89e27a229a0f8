import numpy as np
import pandas as pd
import pytest

from ehrgen.data.cohort import Cohort
from ehrgen.data.readers.quality import ReaderError
from ehrgen.data.readers.splits import split
from tests.support.cohorts import cohort

SHARES = {"train": 0.5, "validation": 0.1, "heldout": 0.3, "heldout2": 0.1}


def given(*splits: str) -> Cohort:
    patients = cohort([["4019"]] * len(splits))
    return Cohort(patients.patients.assign(split=pd.Series(splits, dtype="str")), patients.diagnoses)


def splits(patients: Cohort, seed: int = 0) -> list[str]:
    return split(patients, SHARES, np.random.default_rng(seed)).patients["split"].tolist()


def test_without_splits_of_its_own_at_random():
    patients = given(*["unassigned"] * 50)
    assert splits(patients) == patients.with_split(SHARES, np.random.default_rng(0)).patients["split"].tolist()


def test_what_the_source_says_stays_and_its_held_out_patients_become_two():
    said = ["train", "heldout", "validation", "heldout", "heldout", "heldout", "train"]
    found = splits(given(*said))
    assert [one.removesuffix("2") for one in found] == said
    assert found.count("heldout2") == 1, "a quarter of four, as heldout to heldout2 is 3 to 1"
    assert splits(given(*said)) == found
    assert {tuple(splits(given(*said), seed)) for seed in range(20)} != {tuple(found)}


@pytest.mark.parametrize("said", [["train", "heldout", "heldout"], ["train", "validation", "heldout"]])
def test_a_split_without_patients_stops(said):
    with pytest.raises(ReaderError, match=f"leave {'validation' if len(set(said)) == 2 else 'heldout'} without"):
        splits(given(*said))
