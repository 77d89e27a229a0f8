from pathlib import Path

import numpy as np
import pytest

from ehrgen.data.cohort import Cohort, UndescribedCohort
from ehrgen.scoring.request import Request, RequestError
from ehrgen.scoring.sides import Sides, at_category
from tests.support.cohorts import cohort
from tests.support.scoring import BILLABLE, long_table, people

REAL, MADE, TRAIN = people(80, 1), people(50, 2), people(60, 3)


def request(folder: Path, *sets: str, train: Path | None = None, patients: int = 30, level: str = "code") -> Request:
    arguments = ["--real", str(long_table(REAL, folder / "real.csv")), "--out", str(folder / "out")]
    arguments += [part for one in sets for part in ("--synthetic", one)]
    arguments += ["--train", str(train)] if train else []
    return Request.parse([*arguments, "--patients", str(patients), "--level", level])


def test_real_patients_are_halved_and_sets_keep_their_names(tmp_path):
    made = long_table(MADE, tmp_path / "made.csv")
    sides = Sides.read(request(tmp_path, str(made), f"again={made}"))
    ids = [set(half.patients["patient_id"]) for half in (sides.heldout, sides.others)]
    assert len(ids[0]) == len(ids[1]) == 40 and not ids[0] & ids[1]
    assert list(sides.synthetic) == ["made", "again"] and sides.train is None
    assert sides.patients == 30 and sides.remarks == []
    assert sides.described[0] == "**real**: a table of patient, visit and code, 80 patients"


def test_what_one_set_has_not_is_left_out_of_all(tmp_path):
    bare, whole = long_table(MADE, tmp_path / "bare.csv", described=False), long_table(MADE, tmp_path / "whole.csv")
    sides = Sides.read(request(tmp_path, str(bare), str(whole), train=long_table(TRAIN, tmp_path / "train.csv")))
    everyone = [sides.heldout, sides.others, sides.train, *sides.synthetic.values()]
    assert all(isinstance(one, UndescribedCohort) and not one.has_sex and not one.has_age for one in everyone)
    assert sides.remarks[0].startswith("Not every set has sex and age, so sex and age is left out of all of them")


def test_the_smallest_set_says_how_many_are_compared(tmp_path):
    made = long_table(MADE, tmp_path / "made.csv")
    sides = Sides.read(request(tmp_path, str(made), patients=500))
    assert sides.patients == 40
    assert sides.remarks == ["40 patients of each are compared, not 500, because of half of the real patients."]
    few = long_table(people(9, 4), tmp_path / "few.csv")
    with pytest.raises(RequestError, match="few: 9 patients are too few to compare; 10 are the least"):
        Sides.read(request(tmp_path, str(few)))


def test_a_source_that_has_splits_gives_each_role_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shares = {"train": 0.5, "validation": 0.1, "heldout": 0.2, "heldout2": 0.2}
    whole = people(100, 5).with_split(shares, np.random.default_rng(0))
    whole.save(tmp_path / "cohort")
    arguments = ["--real", "cohort", "--train", "cohort", "-s", "made.csv", "--out", "out", "--patients", "10"]
    long_table(MADE, tmp_path / "made.csv")
    sides = Sides.read(Request.parse(arguments))
    assert set(sides.train.patients["split"]) == {"train"} and len(sides.train) == 50
    assert len(sides.heldout) + len(sides.others) == 40


def test_training_patients_given_as_real_ones_are_noticed(tmp_path):
    many = cohort([["0389 " + " ".join(BILLABLE[n : n + 12])] for n in range(80)])
    table = long_table(many, tmp_path / "real.csv")
    sides = Sides.read(Request(table, {"m": table}, table, 30, 0, "code", True, tmp_path / "out"))
    assert any(
        "100% of the real patients with 10 or more codes have the record of a training" in r for r in sides.remarks
    )


def test_categories_are_compared_with_categories(tmp_path):
    made = at_category(MADE)
    path = long_table(made, tmp_path / "made.csv")
    assert "compare with --level category" in Sides.read(request(tmp_path, str(path))).remarks[0]
    sides = Sides.read(request(tmp_path, str(path), level="category"))
    assert sides.remarks == [] and sides.heldout.diagnoses["code"].str.fullmatch("[0-9]{3}|V[0-9]{2}").all()


def test_at_category_no_code_stands_twice_in_a_visit():
    found: Cohort = at_category(cohort([["4010 4019 25000", "4011"]]))
    assert found.diagnoses["code"].tolist() == ["401", "250", "401"]
    assert found.diagnoses["visit"].tolist() == [0, 0, 1]
