import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehrgen.data.cohort import AGE_BRACKETS, SPLITS, Cohort, CohortError, UndescribedCohort, age_bracket
from tests.support.cohorts import cohort

SHARES = {"train": 0.5, "validation": 0.06, "heldout": 0.22, "heldout2": 0.22}


def cohort_of(patients: int, visits: int = 2) -> Cohort:
    """Patients 10, 11, ... with one code in every visit: their own number as a code, V60 last."""
    ids = np.arange(10, 10 + patients)
    people = pd.DataFrame({"patient_id": ids, "sex": "F", "age_years": ids % 90.0, "split": "unassigned"})
    rows = pd.DataFrame(
        {
            "patient_id": np.repeat(ids, visits),
            "visit": np.tile(np.arange(visits), patients),
            "position": 0,
            "code": [str(n % 900 + 100) if visit < visits - 1 else "V60" for n in ids for visit in range(visits)],
        }
    )
    return Cohort.from_rows(people, rows)


def broken(table: str, column: str, values: list, cohort: Cohort) -> tuple[pd.DataFrame, pd.DataFrame]:
    tables = {"patients": cohort.patients, "diagnoses": cohort.diagnoses}
    tables[table] = tables[table].assign(**{column: pd.Series(values, dtype=tables[table][column].dtype)})
    return tables["patients"], tables["diagnoses"]


@pytest.mark.parametrize(
    ("table", "column", "values", "rule"),
    [
        ("patients", "patient_id", [10, 10], "unique and ascending; broken by 1 of 2 rows, first at row 1"),
        ("patients", "patient_id", [11, 10], "unique and ascending"),
        ("patients", "patient_id", [10, 12], "diagnoses.patient_id must occur in patients; broken by 2 of 4"),
        ("patients", "sex", ["F", "U"], "sex must be M or F; broken by 1 of 2"),
        ("patients", "age_years", [-0.1, 121.0], "age_years must lie in 0 to 120; broken by 2 of 2"),
        ("patients", "split", ["train", "test"], "split must be one of train, "),
        ("diagnoses", "patient_id", [11, 11, 10, 10], "sorted by patient_id"),
        (
            "diagnoses",
            "patient_id",
            [10, 10, 10, 10],
            "every patient must have a diagnosis; broken by 1 of 2",
        ),
        ("diagnoses", "visit", [0, 2, 0, 1], "visit must count 0, 1, ... within a patient; broken by 1 of 4"),
        ("diagnoses", "visit", [1, 2, 0, 1], "visit must count 0, 1, ..."),
        ("diagnoses", "visit", [0, 0, 0, 1], "position must count 0, 1, ... within a visit"),
        ("diagnoses", "position", [1, 0, 0, 0], "position must count 0, 1, ... within a visit"),
        (
            "diagnoses",
            "code",
            ["401.9", "v30", "4019", "40190"],
            "ICD-9-CM code without dot; broken by 2 of 4",
        ),
        ("diagnoses", "code", ["", "I10", "40", "E84"], "ICD-9-CM code without dot; broken by 4 of 4"),
        ("diagnoses", "code", ["４０１９", "401900", "4019\n", "4019"], "broken by 3 of 4"),
    ],
)
def test_construction_checks_every_invariant(table, column, values, rule):
    patients, diagnoses = broken(table, column, values, cohort_of(2))
    with pytest.raises(CohortError) as error:
        Cohort(patients, diagnoses)
    assert rule in str(error.value) and str(error.value).count("\n") == 0


def test_construction_checks_columns_types_and_empty_values():
    good = cohort_of(2)
    with pytest.raises(CohortError, match="patients: column sex missing; found patient_id, age_years, split"):
        Cohort(good.patients.drop(columns="sex"), good.diagnoses)
    with pytest.raises(CohortError, match=r"diagnoses.visit: expected int32, found int64"):
        Cohort(good.patients, good.diagnoses.astype({"visit": "int64"}))
    with pytest.raises(CohortError, match=r"patients.sex: 1 empty values"):
        Cohort(*broken("patients", "sex", ["F", None], good))
    with pytest.raises(CohortError, match="no rows"):
        Cohort(good.patients.iloc[:0], good.diagnoses.iloc[:0])
    with pytest.raises(CohortError, match="every patient must have a diagnosis; broken by 2 of 2"):
        Cohort(good.patients, good.diagnoses.iloc[:0])


def test_from_rows_sorts_and_renumbers_by_hand():
    patients = pd.DataFrame({"patient_id": [8, 3], "sex": ["M", "F"], "age_years": [60, 0], "split": "train"})
    diagnoses = pd.DataFrame(
        {
            "patient_id": [8, 3, 8, 8, 3],
            "visit": [2150.5, 7, 2149.0, 2150.5, 7],
            "position": [4, 2, 1, np.inf, 2],
            "code": ["4019", "V3000", "0389", "486", "V290"],
        }
    )
    cohort = Cohort.from_rows(patients, diagnoses)
    assert cohort.patients["patient_id"].tolist() == [3, 8] and cohort.patients["sex"].tolist() == ["F", "M"]
    rows = cohort.diagnoses
    assert rows["code"].tolist() == ["V3000", "V290", "0389", "4019", "486"]
    assert rows["visit"].tolist() == [0, 0, 0, 1, 1] and rows["position"].tolist() == [0, 1, 0, 0, 1]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(-3, 3), st.integers(-3, 3), st.sampled_from(["4019", "0389"])),
        min_size=1,
        max_size=40,
    ),
    st.randoms(use_true_random=False),
)
def test_from_rows_holds_its_invariants_and_loses_nothing(rows, random):
    ids = sorted({row[0] for row in rows})
    random.shuffle(ids)
    patients = pd.DataFrame({"patient_id": ids, "sex": "M", "age_years": 1.0, "split": "synthetic"})
    cohort = Cohort.from_rows(patients, pd.DataFrame(rows, columns=["patient_id", "visit", "position", "code"]))
    order = sorted(range(len(rows)), key=lambda row: rows[row][:3])
    assert cohort.diagnoses["code"].tolist() == [rows[row][3] for row in order]
    visits = cohort.diagnoses.groupby("patient_id")["visit"].nunique()
    assert visits.to_dict() == {one: len({row[1] for row in rows if row[0] == one}) for one in ids}


def test_save_and_load_give_the_same_cohort_and_replace_an_older_one(tmp_path):
    cohort = cohort_of(5).with_split(SHARES, np.random.default_rng(0))
    cohort_of(3).save(tmp_path / "cohort")
    cohort.save(tmp_path / "cohort")
    found = Cohort.load(tmp_path / "cohort")
    pd.testing.assert_frame_equal(found.patients, cohort.patients)
    pd.testing.assert_frame_equal(found.diagnoses, cohort.diagnoses)
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        "cohort",
        "diagnoses.parquet",
        "patients.parquet",
    ]


def test_load_checks_what_it_reads(tmp_path):
    with pytest.raises(CohortError, match=r"patients.parquet is missing; .* `ingest` or `sample`"):
        Cohort.load(tmp_path / "cohort")
    cohort_of(2).save(tmp_path / "cohort")
    broken("patients", "sex", ["F", "X"], cohort_of(2))[0].to_parquet(tmp_path / "cohort" / "patients.parquet")
    with pytest.raises(CohortError, match="sex must be M or F"):
        Cohort.load(tmp_path / "cohort")


def test_take_and_of_split_keep_whole_patients():
    cohort = cohort_of(6)
    taken = cohort.take([13, 11])
    assert taken.patients["patient_id"].tolist() == [11, 13]
    assert taken.diagnoses["code"].tolist() == ["111", "V60", "113", "V60"]
    with pytest.raises(CohortError, match="no patient in split 'train'; splits present: unassigned"):
        cohort.of_split("train")
    assert len(cohort.of_split("unassigned")) == 6


def test_sample_draws_without_replacement_by_its_generator():
    cohort = cohort_of(50)
    first, again, other = (
        cohort.sample(20, np.random.default_rng(seed)).patients["patient_id"].tolist() for seed in (1, 1, 2)
    )
    assert first == again != other and len(set(first)) == 20
    with pytest.raises(CohortError, match="cannot draw 51 patients from a cohort of 50"):
        cohort.sample(51, np.random.default_rng(0))


def test_resample_repeats_patients_under_new_ids():
    found = cohort_of(3).resample(np.array([2, 0, 2]))
    assert found.patients["patient_id"].tolist() == [0, 1, 2]
    assert found.diagnoses["code"].tolist() == ["112", "V60", "110", "V60", "112", "V60"]
    assert set(found.patients["split"]) == {"synthetic"}


@pytest.mark.parametrize("patients", [4, 5, 7, 99, 1000])
def test_split_is_a_partition_near_its_shares(patients):
    cohort = cohort_of(patients, visits=1).with_split(SHARES, np.random.default_rng(3))
    sizes = cohort.patients["split"].value_counts()
    assert set(sizes.index) == set(SHARES) <= set(SPLITS) and sizes.sum() == patients
    assert all(abs(sizes[name] - share * patients) <= 3 for name, share in SHARES.items())


def test_split_is_by_its_generator_and_needs_patients_enough():
    cohort = cohort_of(40)
    first, again, other = (
        cohort.with_split(SHARES, np.random.default_rng(seed)).patients["split"].tolist() for seed in (1, 1, 2)
    )
    assert first == again != other
    with pytest.raises(CohortError, match="cannot split 3 patients into 4 parts"):
        cohort_of(3).with_split(SHARES, np.random.default_rng(0))


def test_age_brackets_open_at_their_lower_edge():
    found = np.array(AGE_BRACKETS)[age_bracket(np.array([0, 1.99, 2, 12, 18, 39.9, 40, 65, 90]))]
    assert found.tolist() == ["0-2", "0-2", "2-12", "12-18", "18-40", "18-40", "40-65", "65+", "65+"]


def test_patients_to_be_judged_may_be_without_sex_and_age_all_alike():
    known = cohort([["4019"], ["486"]], "FM", [1.0, 90.0])
    bare = known.without(sex=True, age=True)
    assert isinstance(bare, UndescribedCohort) and not bare.has_sex and not bare.has_age
    assert known.has_sex and known.has_age and known.without(sex=False, age=False) is known
    half = known.without(sex=False, age=True)
    assert half.has_sex and not half.has_age and half.take([1]).patients["sex"].tolist() == ["M"]
    with pytest.raises(CohortError, match="sex must be M or F; broken by 1 of 2"):
        UndescribedCohort(known.patients.assign(sex=["U", "F"]), known.diagnoses)
    with pytest.raises(CohortError, match="age_years: 1 empty values"):
        UndescribedCohort(known.patients.assign(age_years=[np.nan, 3.0]), known.diagnoses)
    with pytest.raises(CohortError, match="sex must be M or F; broken by 2 of 2"):
        Cohort(bare.patients.assign(age_years=1.0), known.diagnoses)


def test_what_trains_never_loads_patients_without_sex(tmp_path):
    cohort([["4019"]]).without(sex=True, age=False).save(tmp_path / "bare")
    with pytest.raises(CohortError, match="sex must be M or F"):
        Cohort.load(tmp_path / "bare")
