import json

import pytest

from ehrgen.findings.statistics.comparison import COMPARED, SHOWN, Ablation, ComparisonError, changes, compare, skill
from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.metrics.table.scores import Scores
from ehrgen.metrics.table.suite import HEADLINE, METRICS


def scores(n: int = 10, not_judged: dict[str, str] | None = None, **metrics: float) -> Scores:
    return Scores(metrics, not_judged or {}, n)


RUNS = {
    "base": {0: scores(coverage=1, pair_r2=4), 1: scores(coverage=3, pair_r2=6)},
    "less": {0: scores(coverage=0, pair_r2=9), 1: scores(coverage=2, pair_r2=9)},
}
ANCHORS = {"floor": scores(coverage=2, pair_r2=1), "independent_codes": scores(coverage=1, pair_r2=0)}
RESOLUTION = {"coverage": 0.5, "pair_r2": 0.1}
VARIANTS = {"base": 0, "less": 1}


def compared(runs=RUNS, anchors=ANCHORS, variants=("base", "less"), seeds=(0, 1), endpoints=None) -> Ablation:
    return compare(runs, anchors, RESOLUTION, endpoints or {}, variants, seeds, "base")


def test_means_and_paired_differences_by_hand():
    ablation = compared()
    assert ablation.estimates["base"]["coverage"].mean == 2
    half = pytest.approx(12.7062, abs=1e-4)  # t of one degree of freedom x sd sqrt(2) / sqrt(2)
    assert ablation.estimates["base"]["pair_r2"].half_width == half
    assert ablation.differences["less"]["coverage"] == Estimate(-1.0, 0.0, 2)
    assert ablation.differences["less"]["pair_r2"].mean == 4
    assert ablation.differences["less"]["pair_r2"].half_width == half
    assert ablation.differences.keys() == {"less"}
    assert ablation.remarks == []
    assert ablation.patients == [10]


def test_headline_is_flat_and_short():
    everything = {"base": {0: scores(**dict.fromkeys(METRICS, 0.123456))}}
    written = compared(everything, variants=["base"], seeds=[0]).headline("base")
    assert tuple(written) == HEADLINE
    assert set(written.values()) == {0.1235}


def test_content_is_json_without_empty_values():
    content = compared(variants=["base", "less", "absent"]).content()
    assert "null" not in json.dumps(content, allow_nan=False)
    assert content["variants"]["less"]["coverage"] == {
        "mean": 1.0, "seeds": 2, "low": -11.71, "high": 13.71, "half_width": 12.71,
    }  # fmt: skip
    assert content["variants"]["absent"] == {}


def test_only_the_ablation_is_compared():
    ablation = compared(RUNS | {"old": RUNS["base"]}, variants=["base"])
    assert ablation.estimates.keys() == {"base"} and ablation.differences == {}


def test_a_metric_missing_in_one_seed_has_the_others():
    runs = {"base": {0: scores(coverage=1), 1: scores(not_judged={"coverage": "why"})}, "less": RUNS["less"]}
    ablation = compared(runs)
    assert ablation.estimates["base"]["coverage"] == Estimate(1.0, None, 1)
    assert ablation.differences["less"]["coverage"] == Estimate(-1.0, None, 1)
    assert ablation.remarks == ["coverage: why (base (seed 1))"]


def test_no_run_at_all_is_an_error():
    with pytest.raises(ComparisonError, match="dvc repro"):
        compared({})


def test_endpoints_are_primary_and_all_else_is_exploratory():
    ablation = compared(endpoints={"less": {"coverage": ["cooccur may harm"]}})
    judged = ablation.significance["less"]
    assert (judged["coverage"].outcome, judged["coverage"].family) == ("differs", "primary")
    assert (judged["pair_r2"].outcome, judged["pair_r2"].family) == ("undecided", "exploratory")
    written = ablation.content()
    assert written["difference_from_reference"]["less"]["coverage"] == {
        "mean": -1.0, "low": -1.0, "high": -1.0, "half_width": 0.0, "seeds": 2, "outcome": "differs",
        "family": "primary", "p_corrected": 0.0, "endpoint_of": ["cooccur may harm"],
    }  # fmt: skip
    assert written["difference_from_reference"]["less"]["pair_r2"]["seeds_to_decide"] == judged["pair_r2"].seeds > 2
    assert written["equivalence_margins"] == {"coverage": 0.1, "pair_r2": 0.1}, "a tenth of the gap of 1"
    assert written["resolution"] == RESOLUTION


def test_the_spread_of_a_metric_is_not_compared():
    name = "tstr_auroc_half_width"
    assert name in SHOWN and name not in COMPARED and "mmd_p" not in COMPARED
    runs = {variant: {seed: scores(**{name: seed + shift}) for seed in (0, 1)} for variant, shift in VARIANTS.items()}
    assert compared(runs).significance == {"less": {}}


def test_what_the_floor_cannot_judge_is_withdrawn():
    anchors = ANCHORS | {"floor": scores(coverage=2, pair_r2=0.3)}
    ablation = compared(anchors=anchors)
    assert all("pair_r2" not in row for row in (*ablation.estimates.values(), *ablation.anchors.values()))
    assert ablation.remarks == [
        "pair_r2: floor too low to judge: two real samples of 10 patients reach 0.3, and 0.5 is the least; "
        "evaluate more patients"
    ]


def test_vacuous_rates_are_named():
    empty = scores(not_judged={"sex_violations": "vacuous: no synthetic code carries a rule on sex"})
    runs = {"base": {0: empty, 1: empty}, "less": {0: empty, 1: scores(sex_violations=0)}}
    ablation = compared(runs, {"collapsed": empty})
    assert ablation.vacuous == {"base": ["sex_violations"], "collapsed": ["sex_violations"]}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("pair_r2", 0.0, 0), ("pair_r2", 1.0, 1), ("pair_r2", 1.5, 1.5), ("pair_r2", -1.0, -1),
        ("coverage", 1.0, 0), ("coverage", 2.0, 1), ("coverage", 2.25, 0.75), ("coverage", 4.0, -1),
    ],
)  # fmt: skip
def test_skill_runs_from_independent_codes_to_real_patients(name: str, value: float, expected: float):
    anchors = {"floor": {"pair_r2": 1, "coverage": 2}, "independent_codes": {"pair_r2": 0, "coverage": 1}}
    assert skill({name: Estimate(value, None, 1)}, anchors) == {name: pytest.approx(expected)}


def test_no_skill_where_independent_codes_do_as_well():
    anchors = {"floor": {"pair_r2": 1}, "independent_codes": {"pair_r2": 1}}
    assert skill({"pair_r2": Estimate(0.5, None, 1)}, anchors) == {}
    assert skill({"pair_r2": Estimate(0.5, None, 1)}, {}) == {}


def test_changes_of_an_absent_reference_are_everything():
    assert changes({"b": {"loss": {"lm": 1}}}, "a") == {"b": {"loss.lm": 1}}
