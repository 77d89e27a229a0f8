"""Demographic strata: nested in the brackets and in the edits."""

import numpy as np
import pytest

from ehrgen.data.cohort import AGE_BRACKETS, AGE_EDGES, SEXES, CohortError, age_bracket
from ehrgen.data.disclosure import OLDEST_PUBLISHED
from ehrgen.data.icd9 import codes as icd9
from ehrgen.data.simulation.strata import (
    GROUPS,
    INFANT,
    NEWBORN,
    STRATA,
    ages_of,
    allowed_codes,
    as_infants,
    group_of,
    sex_of,
    strata_of,
    stratum_of,
)

EVERY = np.arange(STRATA)


def test_groups_are_nested_in_the_brackets_and_the_age_edits():
    limits = [*AGE_EDGES]
    limits += [limit for edit in icd9.EDITS.values() for limit in (edit.age_min, edit.age_max + 1) if 0 < limit < 90]
    assert set(limits) <= set(GROUPS)


def test_ages_fall_into_their_own_stratum():
    rng = np.random.default_rng(0)
    strata = np.repeat(EVERY, 200)
    ages = ages_of(group_of(strata), rng)
    assert np.array_equal(stratum_of(sex_of(strata), ages), strata)
    assert ages.max() == OLDEST_PUBLISHED
    assert set(np.unique(ages[group_of(strata) == NEWBORN])) == {0.0}


def test_sexes_and_brackets_share_out_the_strata():
    parts = [strata_of(sex, bracket) for sex in SEXES for bracket in range(len(AGE_BRACKETS))]
    assert np.array_equal(np.sum(parts, axis=0), np.ones(STRATA))
    assert strata_of(None, None).all()
    old_women = strata_of("F", 5)
    assert np.array_equal(EVERY[old_women], stratum_of(np.array(["F"] * 6), np.arange(65, 91, 5)))


@pytest.mark.parametrize(("sex", "bracket"), [("X", 0), ("F", 6), ("F", -1)])
def test_unknown_sex_or_bracket(sex, bracket):
    with pytest.raises(CohortError, match="expected one of F, M and an index from 0 to 5"):
        strata_of(sex, bracket)


def test_allowed_is_what_the_edits_demand_of_every_age_in_the_group():
    codes = np.array(["4019", "V270", "V3000", "1850", "64511", "2900", "75261", "V202"])
    allowed = allowed_codes(codes)
    demand = icd9.edits(codes)
    rng = np.random.default_rng(1)
    strata = np.repeat(EVERY, 50)
    age = np.floor(ages_of(group_of(strata), rng))[:, None]
    required = demand["sex_required"].to_numpy()
    fits = (required == "") | (required == sex_of(strata)[:, None])
    fits &= (age >= demand["age_min"].to_numpy()) & (age <= demand["age_max"].to_numpy())
    assert np.array_equal(allowed[strata], fits)
    assert allowed[:, 0].all()


def test_a_newborn_becomes_an_infant_and_nobody_else_changes():
    after = as_infants(EVERY)
    assert np.array_equal(sex_of(after), sex_of(EVERY))
    assert np.array_equal(group_of(after)[2:], group_of(EVERY)[2:])
    assert set(group_of(after)[:2]) == {INFANT}
    assert age_bracket(GROUPS)[INFANT] == 0
