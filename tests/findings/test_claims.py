import json
import math
from dataclasses import replace

import pytest

from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.findings.verdicts.claims import Between, Claim, Harmless, Recovers, judge, verdict
from ehrgen.findings.verdicts.measures import Difference, Level
from tests.support.findings import results, scores

BOTH = results("a", "b")
CHANGE = Difference("coverage", "a", "b")


def with_coverage(*values: float, floor: float = 1.0):
    """Variant a has these, a seed each; b has 0.5, `floor` real patients."""
    runs = {**BOTH.runs, "a": {seed: scores(coverage=value) for seed, value in enumerate(values)}}
    return replace(BOTH, runs=runs, anchors={"floor": scores(coverage=floor)})


@pytest.mark.parametrize(
    ("mean", "half", "expected"),
    [
        (1.5, 0.5, "supported"),  # ends included
        (1.5, 0.6, "undecided"),
        (3.0, 0.9, "refuted"),
        (0.0, 0.9, "refuted"),
        (0.0, 1.0, "undecided"),
        (1.5, 9.0, "undecided"),
    ],
)
def test_the_interval_decides(mean: float, half: float, expected: str):
    assert verdict(Estimate(mean, half, 3), (1.0, 2.0)) == expected


def test_without_an_interval_there_is_no_verdict():
    with pytest.raises(ValueError, match="one seed"):
        verdict(Estimate(1.0, None, 1), (0.0, 2.0))
    judged = judge(Claim(1, "x", Level("coverage", "a"), Between(0, 1, "")), with_coverage(0.5))
    assert (judged.verdict, judged.reason) == ("undecided", "one seed has no interval")
    assert judged.effect == Estimate(0.5, None, 1)


def test_a_tenth_of_the_gap():
    """From 0.5 to real patients at 1 is 0.5; at 0.3 they lie below, and to recover is to fall."""
    assert Recovers().limits(CHANGE, with_coverage(0.5)) == (pytest.approx(0.05), math.inf)
    assert Recovers().limits(CHANGE, with_coverage(0.5, floor=0.3)) == (-math.inf, pytest.approx(-0.02))
    assert Harmless().limits(CHANGE, with_coverage(0.5)) == (pytest.approx(-0.05), math.inf)
    assert Harmless().limits(CHANGE, with_coverage(0.5, floor=0.3)) == (-math.inf, pytest.approx(0.02))


def test_where_nothing_is_missing_nothing_can_be_recovered():
    judged = judge(Claim(1, "x", CHANGE, Recovers()), with_coverage(0.5, 0.6, floor=0.5))
    assert judged.verdict == "undecided" and "there is no gap" in judged.reason


def test_only_differences_close_gaps():
    with pytest.raises(TypeError, match="only a difference"):
        Recovers().limits(Level("coverage", "a"), BOTH)


def test_what_was_not_run_is_undecided():
    judged = judge(Claim(1, "x", Difference("coverage", "a", "c"), Recovers()), BOTH)
    assert (judged.verdict, judged.reason, judged.effect) == ("undecided", "not run: c", None)


def test_content_is_json_without_infinity():
    content = judge(Claim(7, "x", CHANGE, Recovers()), with_coverage(0.9, 0.9)).content()
    assert json.loads(json.dumps(content, allow_nan=False)) == {
        "line": 7,
        "quote": "x",
        "measure": "coverage: a - b",
        "margin": "closes 10% of the gap to real patients",
        "verdict": "supported",
        "mean": 0.4,
        "half_width": 0.0,
        "seeds": 2,
        "supported_from": 0.05,
    }
