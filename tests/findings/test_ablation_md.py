from dataclasses import replace

import pytest

from ehrgen.findings.statistics.comparison import Ablation, compare
from ehrgen.findings.statistics.costs import TrainingCost
from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.findings.text.ablation_md import report
from ehrgen.findings.verdicts.losses import Verdict
from ehrgen.metrics.table.scores import Scores

SPLIT = {"leaky": 2, "healthy": 1}
VACUOUS = {"sex_violations": "vacuous: no synthetic code carries a rule on sex"}


def run(coverage: float, **not_judged: str) -> Scores:
    return Scores({"coverage": coverage}, not_judged, 3000)


RUNS = {
    "base": {0: run(0.90), 1: run(0.91), 2: run(0.92)},
    "worse": {0: run(0.50), 1: run(0.52), 2: run(0.51)},
    "same": {0: run(0.91, **VACUOUS), 1: run(0.90, **VACUOUS), 2: run(0.93, **VACUOUS)},
}
ANCHORS = {"collapsed": run(0.1), "floor": run(1.0), "independent_codes": run(0.8)}
RESOLUTION = {"coverage": 0.04}
ENDPOINTS = {name: {"coverage": ["cooccur may harm"]} for name in ("worse", "same")}
OBJECTIVES = {"base": {"lm": {"value": 2.5, "weight": 1.0}, "sex": {"value": 0.25}}, "worse": {}, "same": {}}
CHANGED = {"worse": {"loss.age": 0.0}, "same": {}}


def compared(runs=RUNS, anchors=ANCHORS, seeds=(0, 1, 2), reference="base") -> Ablation:
    return compare(runs, anchors, RESOLUTION, ENDPOINTS, list(runs), seeds, reference)


def text(runs=RUNS, anchors=ANCHORS, seeds=(0, 1, 2), reference="base") -> str:
    return report(compared(runs, anchors, seeds, reference), OBJECTIVES, CHANGED, {}, {})


def row(start: str, after: str, whole: str) -> list[str]:
    """The cells of the first line that starts with a cell, after a heading."""
    lines = whole[whole.index(after) :].splitlines()
    line = next(one for one in lines if one.startswith(f"| {start} "))
    return [part.strip() for part in line.split("|")[2:-1]]


def test_means_with_the_anchors_below():
    whole = text()
    assert row("base", "### Collapse", whole)[0] == "0.910 ± 0.025"
    assert row("*floor*", "### Collapse", whole)[0] == "1 (0.04)"
    lines = whole[whole.index("### Collapse") : whole.index("### Validity")].splitlines()
    owners = [line.split("|")[1].strip() for line in lines if line.startswith("| ")]
    assert owners == ["", "base", "worse", "same", "*floor*", "*collapsed*", "*independent_codes*"]


def test_primary_endpoints_what_differs_first_then_what_it_would_take():
    whole = text()
    which = "cooccur may harm"
    assert row("worse", "### Differs: 1 of 2", whole)[:4] == ["coverage =", which, "-0.400 ± 0.025", "± 0.02"]
    assert row("same", "### Undecided, and what it would take: 1 of 2", whole)[-1] == "5"
    assert whole.index("### Differs") < whole.index("### Undecided") < whole.index("## Metrics")
    collapse = whole[whole.index("## All differences") :]
    assert row("worse", "coverage", collapse)[0] == "-0.400 ± 0.025 *"
    assert row("*margin*", "coverage", collapse)[0] == "± 0.02"


def test_equal_runs_are_no_finding():
    whole = text({"base": RUNS["base"], "same": RUNS["base"]})
    assert row("same", "### No effect that matters: 1 of 1", whole)[2:] == ["+0 ± 0", "± 0.02", "1"]


def test_the_answer_comes_first_and_says_what_changed():
    whole = text()
    heads = [line for line in whole.splitlines() if line.startswith("## ")]
    assert heads[:4] == ["## The answer", "## What changed", "## Does it matter", "## What became of each loss"]
    assert "- **Still open.** 1 of the 2 primary comparisons with `base` are decided." in whole


def test_an_r2_is_said_to_be_bounded_where_it_was():
    apart = {0: Scores({"pair_r2": 0.9}, {}, 3000), 1: Scores({"pair_r2": 0.9}, {}, 3000)}
    below = {0: Scores({"pair_r2": -9.0}, {}, 3000), 1: Scores({"pair_r2": -8.0}, {}, 3000)}
    found = compared({"base": apart, "worse": below}, seeds=(0, 1))
    assert found.differences["worse"]["pair_r2"].mean == pytest.approx(-0.9)
    assert "An R2 below 0 counts as 0." in text()
    older = replace(found, differences={"worse": {"pair_r2": Estimate(-9.4, 1.0, 2)}})
    assert "counts as 0" not in report(older, OBJECTIVES, CHANGED, {}, {})


def test_skill_variants_objectives_and_words():
    whole = text()
    assert row("coverage =", "## Skill", whole) == ["0.55", "-1.45", "0.57"]
    assert "- **worse**: loss.age 0.0" in whole and "- **same**: the same configuration" in whole
    assert row("base lm", "## What each loss weighs", whole) == ["2.5", "1"]
    assert row("base sex", "## What each loss weighs", whole) == ["0.25", "–"]
    assert "- sex_violations: vacuous" in whole
    assert row("same", "### Validity", whole)[0] == "vacuous"
    assert row("base", "### Validity", whole)[0] == "–"
    assert "3,000 synthetic patients" in whole


def test_no_table_is_wider_than_a_terminal():
    names = ("unigram_r2", "pair_r2", "codes_per_visit", "sex_violations", "age_violations", "repeated_codes")
    full = {0: Scores(dict.fromkeys(names, 0.1234), {}, 1), 1: Scores(dict.fromkeys(names, 0.1237), {}, 1)}
    whole = text({"cooccur_observed": full, "base": full}, seeds=(0, 1))
    assert max(len(line) for line in whole.splitlines() if line.startswith("|")) <= 130


def test_one_seed_has_no_interval_and_says_so():
    whole = text({name: {0: runs[0]} for name, runs in RUNS.items()}, seeds=[0])
    assert row("base", "### Collapse", whole)[0] == "0.9"
    assert "No intervals: they need two seeds" in whole
    assert "no intervals" in whole


def test_a_reference_without_results_leaves_the_rest():
    whole = text(RUNS | {"base": {}})
    assert row("base", "### Collapse", whole)[0] == "–"
    assert "Nothing to compare" in whole and "the reference base has no result" in whole


def test_everything_may_be_missing_but_one_run():
    whole = report(compare({"base": {0: run(1)}}, {}, {}, {}, ["base"], [0], "base"), {"base": {}}, {}, {}, {})
    assert "Needs the anchors" in whole
    assert whole.count("No history") == 2
    assert "No manifest" in whole


def test_verdicts_count_seeds_that_disagree_and_costs_are_per_step():
    verdicts = {"base": {"lm": Verdict("healthy", {"healthy": 3}, "", ()), "sex": Verdict("leaky", SPLIT, "", ())}}
    costs = {
        "base": TrainingCost(Estimate.of([20.0, 22.0]), Estimate.of([50.0, 50.0]), Estimate.of([1.0, 1.0])),
        "worse": TrainingCost(Estimate.of([30.0]), None, None),
    }
    whole = report(compared(), OBJECTIVES, CHANGED, verdicts | {"worse": {}}, costs)
    assert row("base", "## What became of each loss", whole) == ["healthy", "leaky (2 of 3)"]
    assert row("worse", "## What became of each loss", whole) == ["–", "–"]
    assert row("base", "## Cost", whole) == ["21 ± 13", "50 ± 0", "1 ± 0"]
    assert row("worse", "## Cost", whole) == ["30", "–", "–"]
