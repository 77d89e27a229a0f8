import pytest

from ehrgen.findings.page import overview
from ehrgen.findings.statistics.comparison import compare
from ehrgen.metrics.table.scores import Scores
from ehrgen.metrics.table.suite import HEADLINE, METRICS
from tests.support.findings import SEEDS, scores
from tests.support.html import Reading
from tests.support.page_inputs import sources

FLOOR = Scores(dict.fromkeys(METRICS, 1.0), {}, 3000)
OBJECTIVES = ("lm", "cooccur")


@pytest.fixture
def ablation() -> dict:
    """`worse` has half the coverage in every seed, `one` a single seed."""
    runs = {
        "base": {seed: scores(coverage=0.8 + seed / 100) for seed in SEEDS},
        "worse": {seed: scores(coverage=0.4 + seed / 100) for seed in SEEDS},
        "one": {0: scores(coverage=0.5)},
    }
    weighted = {"value": 1.0, "weight": 1.0, "share": 0.28, "grad_share": 0.0}
    objectives = {"base": {"lm": weighted, "cooccur": weighted}, "worse": {"cooccur": weighted | {"weight": 0.0}}}
    endpoints = {name: {"coverage": ["cooccur may harm"]} for name in ("worse", "one")}
    content = compare(runs, {"floor": FLOOR}, {"coverage": 0.1}, endpoints, list(runs), SEEDS, "base").content()
    return {**content, "objectives": objectives}


def test_value_and_pull_are_a_pair_of_dots(ablation: dict):
    read = Reading(overview.balance(ablation, ["base", "worse"], OBJECTIVES, {"lm": 1, "cooccur": 4}))
    assert "base, cooccur: 28 % of the loss value, 0 % of the gradient" in read.text
    assert len(read.classed("open")) == len(read.classed("full")) == 2, "an objective of weight 0 has none"
    value, pull = read.classed("open")[1], read.classed("full")[1]
    assert float(pull["cx"]) < float(value["cx"])


def test_quality_marks_what_differs(ablation: dict):
    read = Reading(overview.quality(ablation, ["base", "worse", "one"]))
    assert "worse, coverage: 0.410 ± 0.025, differs from the reference" in read.text
    assert "one, coverage: 0.5" in read.text and "one, coverage: 0.5 ±" not in read.text
    assert len(read.classed("full")) == 1
    assert len(read.classed("floor")) == len(HEADLINE)
    assert {one["href"] for one in read.all("a")} == {"#variant-base", "#variant-worse", "#variant-one"}


def test_primary_endpoints_are_listed_with_what_would_decide_them(ablation: dict):
    read = Reading(overview.primary(ablation))
    assert len(read.all("tr")) == 1 + 1, "one endpoint of one variant; `one` has no interval"
    for word in ("worse", "coverage", "cooccur may harm", "-0.4 ± 0", "± 0.01", "differs *"):
        assert word in read.text
    ablation["difference_from_reference"]["worse"]["coverage"] |= {"outcome": "undecided", "seeds_to_decide": 9}
    assert "undecided: about 9 seeds" in Reading(overview.primary(ablation)).text
    assert not Reading(overview.primary(ablation | {"difference_from_reference": {}})).all("table")


def test_the_same_in_numbers(ablation: dict):
    text = Reading(overview.numbers(ablation | {"vacuous": {"one": ["pair_r2"]}}, ["base", "worse", "two"])).text
    assert "coverage =0.810 ± 0.0250.410 ± 0.025 *–1–" in text


def test_a_vacuous_rate_says_so(ablation: dict):
    ablation["variants"]["one"].pop("sex_violations")
    text = Reading(overview.numbers(ablation | {"vacuous": {"one": ["sex_violations"]}}, ["one"])).text
    assert "sex_violations ↓vacuous1" in text


def test_nothing_run_draws_nothing_but_names():
    nothing = sources().ablation | {"variants": {}, "objectives": {}}
    assert overview.quality(nothing, ["base"]) == ""
    assert not Reading(overview.balance(nothing, ["base"], OBJECTIVES, {"lm": 1, "cooccur": 2})).all("circle")


def test_who_lies_far_off_is_told_in_words_and_leaves_the_axis_to_the_others(ablation: dict):
    for name, mean in (("two", 0.82), ("three", 0.78), ("lost", -400.0)):
        ablation["variants"][name] = {"coverage": {"mean": mean, "low": mean - 0.01, "high": mean + 0.01, "seeds": 3}}
    read = Reading(overview.quality(ablation, ["base", "two", "three", "lost"]))
    assert "‹ -400" in read.text and "lost, coverage: -400" in read.text
    assert len(read.classed("open")) == len(HEADLINE) + 2, "no dot where it is not"


def test_a_mark_far_from_the_variants_is_told_in_words_and_leaves_the_axis_to_them():
    near = {"mean": 0.67, "low": 0.66, "high": 0.68, "half_width": 0.01, "seeds": 3}
    shown = {"reference": "a", "difference_from_reference": {}, "vacuous": {}}
    shown |= {"variants": {"a": {"pair_lift": near}, "b": {"pair_lift": near | {"mean": 0.675}}}}
    shown |= {"anchors": {"floor": {"pair_lift": 0.7}, "independent_codes": {"pair_lift": 0.1}}}
    read = Reading(overview.quality(shown, ["a", "b"]))
    assert "‹ 0.1" in read.text and "independent_codes: 0.1" in read.text
    assert "0.68" in read.text, "a tick between the variants and the floor"
