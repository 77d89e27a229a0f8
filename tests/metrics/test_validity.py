import pytest

from ehrgen.data.cohort import Cohort
from ehrgen.metrics.families import validity
from ehrgen.metrics.table.suite import NotJudged
from tests.support.cohorts import cohort

NOBODY = cohort([["4019"]])
ENOUGH = 11


def many(records: list[list[str]], sex: str | None = None, age: list[float] | None = None) -> Cohort:
    """Each of these patients 11 times: rates over fewer are not shown."""
    return cohort(records * ENOUGH, sex and sex * ENOUGH, age and age * ENOUGH)


def test_sex_violations_are_per_rule_bearing_code():
    synthetic = many([["V270 4019"], ["V270 486", "1850"], ["4019"]], sex="FMM")
    assert validity.sex_violations(NOBODY, synthetic) == pytest.approx(1 / 3)
    assert validity.sex_rule_patients(NOBODY, synthetic) == pytest.approx(2 / 3)


def test_age_violations_are_of_first_visits():
    # V3000 newborn, V270 maternity 12-55: the second is too old, the third is 0.9 years, so still a newborn
    synthetic = many([["V270"], ["V270 4019"], ["V3000", "V270"]], age=[30, 56, 0.9])
    assert validity.age_violations(NOBODY, synthetic) == pytest.approx(1 / 3)
    assert validity.age_rule_patients(NOBODY, synthetic) == 1


@pytest.mark.parametrize(("age", "violations"), [(11.9, 1), (12, 0), (55.9, 0), (56, 1)])
def test_limits_are_completed_years(age: float, violations: float):
    assert validity.age_violations(NOBODY, many([["V270"]], age=[age])) == violations


@pytest.mark.parametrize("rule", ["sex", "age"])
def test_no_rule_bearing_code_is_vacuous_not_perfect(rule: str):
    with pytest.raises(NotJudged, match=f"vacuous: no synthetic code carries a rule on {rule}"):
        getattr(validity, f"{rule}_violations")(NOBODY, NOBODY)
    assert getattr(validity, f"{rule}_rule_patients")(NOBODY, NOBODY) == 0


def test_repeated_codes_is_a_share_of_visits():
    synthetic = cohort([["4019 4019 4019 486 486", "4019"], ["4019"], ["486"]])
    assert validity.repeated_codes(NOBODY, synthetic) == 1 / 4


def test_patient_ids_need_not_start_at_zero():
    synthetic = many([["4019"], ["V270"], ["1850"]], sex="FMM")
    synthetic = synthetic.take([patient for patient in range(len(synthetic)) if patient % 3])
    assert validity.sex_violations(NOBODY, synthetic) == 1 / 2


@pytest.mark.parametrize("rule", ["sex", "age"])
def test_a_rate_over_a_few_patients_is_not_shown(rule: str):
    few = cohort([["V270"]] * 10 + [["4019"]])
    with pytest.raises(NotJudged, match=f"suppressed: fewer than 11 patients have a code with a rule on {rule}"):
        getattr(validity, f"{rule}_violations")(NOBODY, few)


def test_patients_that_a_value_counts():
    synthetic = cohort([["V270 4019 4019", "V270"], ["V270"], ["1850"]], sex="FMM", age=[30, 9, 30])
    assert validity.sex_rule_bearers(synthetic) == 3
    assert validity.sex_rule_breakers(synthetic) == 1
    assert validity.age_rule_bearers(synthetic) == 2
    assert validity.age_rule_breakers(synthetic) == 1
    assert validity.repeating_patients(synthetic) == 1
