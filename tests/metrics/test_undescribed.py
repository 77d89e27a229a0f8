"""Patients of whom nobody's sex or age is known, or generators whose training patients are not: judged all the same."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from ehrgen.metrics import jackknife
from ehrgen.metrics.evaluation import EvaluationData, evaluate
from ehrgen.metrics.portrait import portrait
from ehrgen.metrics.table.scores import Scores
from ehrgen.metrics.table.suite import METRICS
from tests.support.cohorts import population

DEMOGRAPHIC = {"cell_r2", "age_probe", "sex_contrast", "sex_violations", "age_violations"}


def data(patients: int = 1200) -> EvaluationData:
    return EvaluationData(*(population(patients, seed) for seed in (1, 2, 3)))


def stripped(given: EvaluationData, sex: bool, age: bool) -> EvaluationData:
    heldout, synthetic, train = (one.without(sex, age) for one in (given.heldout, given.synthetic, given.train))
    return replace(given, heldout=heldout, synthetic=synthetic, train=train)


@cache
def scores(sex: bool, age: bool) -> Scores:
    """Of patients without sex, without age, or both."""
    return evaluate(stripped(data(), sex, age))


@pytest.mark.slow
def test_without_sex_and_age_conditioning_and_validity_are_not_applicable_and_all_else_is_judged():
    known, unknown = scores(False, False), scores(True, True)
    lost = set(known.metrics) - set(unknown.metrics)
    assert lost >= DEMOGRAPHIC and {METRICS[name].family for name in lost} == {"conditioning", "validity"}
    for name in lost:
        assert unknown.not_judged[name].startswith("not applicable: the "), name
        assert unknown.not_judged[name].endswith("of the patients is unknown"), name
    assert "repeated_codes" in unknown.metrics


@pytest.mark.slow
def test_without_age_alone_the_sex_is_still_judged():
    found = scores(False, True)
    assert {"sex_contrast", "sex_violations"} <= set(found.metrics)
    assert "the age of the patients is unknown" in found.not_judged["age_probe"]
    assert "the age of the patients is unknown" in found.not_judged["cell_r2"]


@pytest.mark.slow
def test_what_never_reads_sex_and_age_does_not_move():
    known, unknown = scores(False, False), scores(True, True)
    read = {"detection", "utility", "privacy", "conditioning", "validity"}
    still = [name for name, metric in METRICS.items() if metric.family not in read and name in known.metrics]
    assert len(still) > 30
    assert {name: known.metrics[name] for name in still} == {name: unknown.metrics[name] for name in still}


def test_without_training_patients_what_needs_them_is_not_applicable():
    found = evaluate(replace(data(300), train=None))
    needs = {name for name, metric in METRICS.items() if "train" in metric.uses}
    assert needs and not needs & set(found.metrics)
    reasons = {found.not_judged[name] for name in needs if METRICS[name].minimum <= 300}
    assert reasons == {"not applicable: it needs the patients that the generator was trained on"}
    assert {"unigram_r2", "c2st_auc", "coverage"} <= set(found.metrics)


@pytest.mark.slow
def test_the_jackknife_and_the_portrait_do_without():
    bare = replace(stripped(data(120), True, True), train=None)
    assert jackknife.standard_errors(bare, 0)["unigram_r2"] > 0
    drawn = portrait(bare)
    assert drawn["conditioning"] == {} and drawn["distances"] == {}
    assert drawn["codes"]["code"]


def test_equally_many_are_drawn_without_training_patients():
    drawn = EvaluationData.of(population(50, 0), population(40, 1), None, 30, 0)
    assert len(drawn.heldout) == len(drawn) == 30 and drawn.train is None
    with pytest.raises(ValueError, match="50 held-out, 40 synthetic and 40 training"):
        EvaluationData(population(50, 0), population(40, 1), None)


def test_a_patient_is_as_near_as_the_codes_say_where_nothing_else_is_known():
    from ehrgen.metrics.cohorts import neighbours

    first, second = population(60, 0), population(60, 1)
    with_people = neighbours.elements(first, second)[0].sum(axis=1)
    without = neighbours.elements(first.without(True, True), second.without(True, True))[0].sum(axis=1)
    assert np.array_equal(with_people - without, np.full(60, 2))
