from dataclasses import replace

import pytest

from ehrgen.findings.statistics.history import History
from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.findings.statistics.results import NoEvidenceError
from ehrgen.findings.verdicts.measures import (
    Difference,
    ExtraTime,
    FromHistory,
    HeadParameters,
    Level,
    Measure,
    estimate,
)
from tests.support.findings import SEEDS, results, scores, trace

BOTH = results("a", "b")
MEASURES: list[Measure] = [
    Level("coverage", "a"),
    Difference("coverage", "a", "b"),
    FromHistory("accuracy", "sex", "a"),
    HeadParameters("a"),
    ExtraTime("a", "b"),
]


@pytest.mark.parametrize("measure", MEASURES)
def test_absent_variants_are_named(measure: Measure):
    with pytest.raises(NoEvidenceError, match="not run: a"):
        measure.values(results())
    assert set(measure.values(BOTH)) == set(SEEDS)


def test_by_hand():
    changed = replace(
        BOTH,
        runs={**BOTH.runs, "a": {1: scores(coverage=0.75), 5: scores()}},
        manifests={
            **BOTH.manifests,
            "a": {1: {"cpu_seconds": 150.0, "parameters": {"all": 8, "age_head": 1, "sex_head": 3}}},
        },
    )
    values = [measure.values(changed) for measure in MEASURES]
    assert values == [{1: 0.75, 5: 0.5}, {1: 0.25}, dict.fromkeys(SEEDS, 0.8), {1: 0.5}, {1: 0.5}]
    assert estimate(MEASURES[1], changed) == Estimate(0.25, None, 1)


def test_pairs_need_a_seed_in_common():
    apart = replace(
        BOTH, runs={**BOTH.runs, "a": {9: scores()}}, manifests={**BOTH.manifests, "a": {9: {"cpu_seconds": 1.0}}}
    )
    for measure in (Difference("coverage", "a", "b"), ExtraTime("a", "b")):
        with pytest.raises(NoEvidenceError, match="no seed"):
            measure.values(apart)


def test_objectives_that_are_absent_or_not_measured():
    with pytest.raises(NoEvidenceError, match="a trains without npmi"):
        FromHistory("accuracy", "npmi", "a").values(BOTH)
    bare = replace(BOTH, histories={"a": {0: History({"sex": trace({"weight": 1.0})}, {}, 2)}})
    with pytest.raises(NoEvidenceError, match="not measured: accuracy of sex in a"):
        FromHistory("accuracy", "sex", "a").values(bare)
    with pytest.raises(NoEvidenceError, match="no manifest of a"):
        HeadParameters("a").values(replace(BOTH, manifests={}))


def test_a_difference_from_the_reference_has_the_interval_of_the_ablation():
    rows = {"a": (0.5, 0.7, 0.9), "b": (0.5, 0.52, 0.51), "c": (0.61, 0.6, 0.62)}
    runs = {name: {seed: scores(coverage=value) for seed, value in enumerate(row)} for name, row in rows.items()}
    of_reference = Difference("coverage", "a", "b")
    declared = replace(results("a", "b", "c"), runs=runs, reference="b", alike=("a", "c"))
    alone = replace(declared, reference="")
    pooled, own = estimate(of_reference, declared), estimate(of_reference, alone)
    assert pooled.mean == own.mean == pytest.approx(0.19)
    assert (pooled.pooled_freedom, own.pooled_freedom) == (4, None)
    assert pooled == declared.differences["a", "coverage"]
    assert estimate(Difference("coverage", "a", "c"), declared).pooled_freedom is None
    with pytest.raises(NoEvidenceError, match="not run: z"):
        estimate(Difference("coverage", "z", "b"), declared)


def test_an_r2_below_0_counts_as_0_in_a_difference():
    runs = {"a": {0: scores(pair_r2=-9.0)}, "b": {0: scores(pair_r2=0.5)}}
    found = replace(results("a", "b"), runs=runs)
    assert estimate(Difference("pair_r2", "a", "b"), found).mean == -0.5
