import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ehrgen.data.cohort import AGE_BRACKETS, Cohort
from ehrgen.metrics.evaluation import EvaluationData
from ehrgen.metrics.portrait import portrait, save
from tests.support.cohorts import cohort, population

N = 600
EVIDENCE = EvaluationData(population(N, 1), population(N, 2), population(N, 3))


def of(records: list[list[str]], synthetic: list[list[str]], **people) -> dict:
    """The portrait of two cohorts; the real ones were trained on as well."""
    real = cohort(records, **people)
    return portrait(EvaluationData(real, cohort(synthetic, **people), real))


@pytest.fixture(scope="module")
def found() -> dict:
    return portrait(EVIDENCE)


def test_codes_by_hand():
    # 20 patients: essential hypertension in all of them, pneumonia in 15 real and no synthetic ones
    codes = of([["4019 486"]] * 15 + [["4019"]] * 5, [["4019"]] * 20)["codes"]
    assert codes["code"] == ["4019", "486"]
    assert codes["title"] == ["Unspecified essential hypertension", "Pneumonia, organism unspecified"]
    assert codes["chapter"] == [6, 7]
    assert codes["real"] == [1.0, 0.75] and codes["synthetic"] == [1.0, 0.0]


def test_codes_of_ten_real_patients_have_no_share():
    codes = of([["4019 486"]] * 10 + [["4019"]] * 10, [["486"]] * 10 + [["4019"]] * 10)["codes"]
    assert dict(zip(codes["code"], codes["real"], strict=True)) == {"4019": 1.0, "486": None}
    assert dict(zip(codes["code"], codes["synthetic"], strict=True)) == {"4019": 0.5, "486": 0.5}


def test_odd_codes_by_hand():
    # of 40 patients 11 really have 4011, 33 synthetic ones do; 486 is in 20 real ones and none; 4280 in 10 and 39
    real = [["4011 4019"]] * 11 + [["4019 486"]] * 19 + [["486 4280"]] + [["4280"]] * 9
    synthetic = [["4011 4280 4019"]] * 30 + [["4011 4280"]] * 3 + [["4280"]] * 6 + [["4019"]]
    odd = of(real, synthetic)["odd_codes"]
    too_often, too_rarely = odd["too_often"], odd["too_rarely"]
    assert too_often["code"] == ["4280", "4011", "4019"]
    assert too_often["ratio"] == pytest.approx([44 / 15, 38 / 16, 36 / 35], abs=1e-3)
    assert (too_often["real"], too_often["synthetic"]) == ([None, 11, 30], [39, 33, 31]), "10 patients are not shown"
    assert too_rarely["code"] == ["486"] and too_rarely["ratio"] == [25 / 5]
    assert (too_rarely["real"], too_rarely["synthetic"]) == ([20], [0])
    assert too_rarely["title"] == ["Pneumonia, organism unspecified"]


def test_odd_codes_do_not_depend_on_how_few_real_patients_there_are():
    shown = [of([["4019 4280"]] * few + [["486"]] * 40, [["4019 486"]] * 40 + [["4280"]] * few) for few in (1, 10)]
    assert [one["odd_codes"]["too_often"]["ratio"][0] for one in shown] == [3.0, 3.0]
    assert shown[0]["odd_codes"]["too_often"]["real"][0] is None
    hidden = of([["4019"]] * 10 + [["486"]] * 40, [["486"]] * 50)["odd_codes"]
    assert "4019" not in hidden["too_rarely"]["code"], "its ratio would tell of 10 patients"


def test_many_visits_of_few_patients_are_hidden_too():
    records = [["486", "486"]] * 10 + [["4019"]] * 30
    codes = of(records, records)["codes"]
    assert codes["code"] == ["4019", "486"] and codes["real"] == [0.6, None]


def test_lift_by_hand():
    # 40 visits: 30 have a circulatory code, 20 a respiratory one, 12 both; 12 / 40 over 30 / 40 x 20 / 40 is 0.8
    real = [["4019 486"]] * 12 + [["4019"]] * 18 + [["486"]] * 8 + [["5990"]] * 2
    synthetic = [["4019"]] * 20 + [["486"]] * 20
    pairs = of(real, synthetic)["chapter_pairs"]
    assert pairs["labels"] == ["Diseases of the circulatory system", "Diseases of the respiratory system"]
    assert pairs["real"] == [0.8]
    assert pairs["synthetic"] == [None], "none at all, where 10 are expected, is chance"


def test_never_together_is_0_where_many_are_expected():
    records = [["4019"]] * 30 + [["486"]] * 30
    assert of(records, records)["chapter_pairs"]["synthetic"] == [0.0]


def test_so_few_patients_that_no_group_is_shown_have_no_pairs():
    records = [["4019 486"]] * 10
    assert of(records, records)["chapter_pairs"] == {"labels": [], "real": [], "synthetic": []}


def test_lift_equals_the_reference(found: dict):
    pairs = found["category_pairs"]
    names = [label.split()[0] for label in pairs["labels"]]
    rows = EVIDENCE.heldout.diagnoses.assign(category=EVIDENCE.heldout.diagnoses["code"].str[:3])
    held = rows.assign(one=1).pivot_table(index=["patient_id", "visit"], columns="category", values="one", fill_value=0)
    held = held[names]
    both = held.T @ held / len(held)
    lift = (both / np.outer(held.mean(), held.mean())).to_numpy()[np.tril_indices(len(names), -1)]
    shown = np.array(pairs["real"], dtype=float)
    assert np.isfinite(shown).sum() > 20
    assert shown[np.isfinite(shown)] == pytest.approx(lift[np.isfinite(shown)], rel=1e-3)


def test_lengths_by_hand():
    # 24 patients with one visit of one code, 12 with two visits of two: half of the 48 visits have one code
    lengths = of([["4019"]] * 24 + [["4019 486"] * 2] * 12, [["4019"] * 12] * 36)
    assert lengths["visits_per_patient"]["real"][:3] == pytest.approx([2 / 3, 1 / 3, 0], abs=1e-4)
    assert lengths["visits_per_patient"]["synthetic"][-1] == 1, "12 visits are among those of 10 or more"
    assert lengths["codes_per_visit"]["real"][:3] == [0.5, 0.5, 0]


def test_lengths_of_few_patients_cannot_be_worked_out():
    lengths = of([["4019"]] * 30 + [["4019", "4019"]] * 20 + [["4019"] * 3] * 4, [["4019"]] * 54)
    assert lengths["visits_per_patient"]["real"][:4] == [pytest.approx(30 / 54, abs=1e-4), None, None, 0]


def test_conditioning_by_hand():
    # women of 30 have pregnancies, men of 70 have hypertension: 40 each, in the second visit nothing counts
    records = [["64421", "4019"]] * 40 + [["4019"]] * 40
    people = {"sex": "F" * 40 + "M" * 40, "age": [30.0] * 40 + [70.0] * 40}
    found = of(records, records[::-1], **people)["conditioning"]
    young, old = AGE_BRACKETS.index("18-40"), AGE_BRACKETS.index("65+")
    for chapter, women, men in ((6, 0, 1), (10, 1, 0)):
        place = found["chapters"].index(chapter)
        assert (found["real"][place][0][young], found["real"][place][1][old]) == (women, men)
        assert (found["synthetic"][place][0][young], found["synthetic"][place][1][old]) == (men, women)
        assert found["real"][place][0][old] is None and found["synthetic"][place][0][old] is None, "nobody is there"


def test_distances_of_a_copy_are_0():
    train = EVIDENCE.train
    distances = portrait(replace(EVIDENCE, synthetic=train, copies=True))["distances"]
    assert distances["edges"][:2] == [0, 0.05] and distances["train"][0] == 1
    assert distances["heldout"][0] is None or distances["heldout"][0] < 0.5


def test_copies_hide_small_counts_on_their_side():
    few = [["4019 486"]] * 10 + [["4019"]] * 30
    real = cohort(few)
    shown = [
        portrait(EvaluationData(real, real, real, copies=copies))["codes"]["synthetic"] for copies in (False, True)
    ]
    assert shown == [[1.0, 0.25], [1.0]]


def test_every_list_fits_its_labels_and_the_file_is_small(found: dict, tmp_path: Path):
    for pairs in (found["chapter_pairs"], found["category_pairs"]):
        size = len(pairs["labels"])
        assert size > 1 and len(pairs["real"]) == len(pairs["synthetic"]) == size * (size - 1) // 2
    assert len({len(column) for column in found["codes"].values()}) == 1
    save(found, tmp_path / "0.json")
    assert json.loads((tmp_path / "0.json").read_text()) == found
    assert (tmp_path / "0.json").stat().st_size < 100_000


def test_a_portrait_repeats(found: dict):
    fresh = [Cohort(one.patients, one.diagnoses) for one in (EVIDENCE.heldout, EVIDENCE.synthetic, EVIDENCE.train)]
    assert portrait(EvaluationData(*fresh)) == found
