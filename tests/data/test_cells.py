"""Demographic cells: nested in the brackets and in the edits."""

import numpy as np
import pytest

from ehrgen.data.cohort import AGE_BRACKETS, AGE_EDGES, SEXES, CohortError, age_bracket
from ehrgen.data.icd9 import codes as icd9
from ehrgen.data.simulation import cells as demographics

EVERY = np.arange(demographics.CELLS)


def test_groups_are_nested_in_the_brackets_and_the_age_edits():
    limits = [*AGE_EDGES]
    limits += [limit for edit in icd9.EDITS.values() for limit in (edit.age_min, edit.age_max + 1) if 0 < limit < 90]
    assert set(limits) <= set(demographics.GROUPS)


def test_ages_fall_into_their_own_cell():
    rng = np.random.default_rng(0)
    cells = np.repeat(EVERY, 200)
    ages = demographics.ages(demographics.group(cells), rng)
    assert np.array_equal(demographics.cell(demographics.sex(cells), ages), cells)
    assert ages.max() == demographics.OLDEST
    assert set(np.unique(ages[demographics.group(cells) == demographics.NEWBORN])) == {0.0}


def test_sexes_and_brackets_share_out_the_cells():
    parts = [demographics.belongs(sex, bracket) for sex in SEXES for bracket in range(len(AGE_BRACKETS))]
    assert np.array_equal(np.sum(parts, axis=0), np.ones(demographics.CELLS))
    assert demographics.belongs(None, None).all()
    old_women = demographics.belongs("F", 5)
    assert np.array_equal(EVERY[old_women], demographics.cell(np.array(["F"] * 6), np.arange(65, 91, 5)))


@pytest.mark.parametrize(("sex", "bracket"), [("X", 0), ("F", 6), ("F", -1)])
def test_unknown_sex_or_bracket(sex, bracket):
    with pytest.raises(CohortError, match="expected one of F, M and an index from 0 to 5"):
        demographics.belongs(sex, bracket)


def test_allowed_is_what_the_edits_demand_of_every_age_in_the_group():
    codes = np.array(["4019", "V270", "V3000", "1850", "64511", "2900", "75261", "V202"])
    allowed = demographics.allowed(codes)
    demand = icd9.edits(codes)
    rng = np.random.default_rng(1)
    cells = np.repeat(EVERY, 50)
    age = np.floor(demographics.ages(demographics.group(cells), rng))[:, None]
    required = demand["sex_required"].to_numpy()
    fits = (required == "") | (required == demographics.sex(cells)[:, None])
    fits &= (age >= demand["age_min"].to_numpy()) & (age <= demand["age_max"].to_numpy())
    assert np.array_equal(allowed[cells], fits)
    assert allowed[:, 0].all()


def test_a_newborn_becomes_an_infant_and_nobody_else_changes():
    after = demographics.infant(EVERY)
    assert np.array_equal(demographics.sex(after), demographics.sex(EVERY))
    assert np.array_equal(demographics.group(after)[2:], demographics.group(EVERY)[2:])
    assert set(demographics.group(after)[:2]) == {demographics.INFANT}
    assert age_bracket(demographics.GROUPS)[demographics.INFANT] == 0
