import math
from typing import Any

import pytest

from ehrgen.findings.review.changes import (
    MISSING,
    Revision,
    Setting,
    Shift,
    Turn,
    claims,
    headline_shifts,
    outcomes,
    settings,
    shifts,
    variants,
    verdicts,
)
from ehrgen.findings.statistics.intervals import Estimate


def written(mean: float, half_width: float | None = 1.0, seeds: int = 3) -> dict[str, float]:
    parts = {"mean": mean, "seeds": seeds}
    return parts if half_width is None else parts | {"half_width": half_width}


def ablation(**values: Any) -> dict[str, Any]:
    return {"variants": {"base": values}}


def revision(of_variant: dict[str, dict[str, float]], **params: Any) -> Revision:
    return Revision("r", params=params, resolved={"effective": {name: {"loss": of} for name, of in of_variant.items()}})


@pytest.mark.parametrize(
    ("before", "now", "exceeds"),
    [
        (Estimate(0, 3, 3), Estimate(5.1, 4, 3), True),  # 3, 4, 5
        (Estimate(0, 3, 3), Estimate(4.9, 4, 3), False),
        (Estimate(5.1, 4, 3), Estimate(0, 3, 3), True),
        (Estimate(0, 0, 3), Estimate(0.001, 0, 3), True),
        (Estimate(0, None, 1), Estimate(100, 4, 3), None),
        (Estimate(0, 3, 3), Estimate(100, None, 1), None),
    ],
)
def test_a_change_beyond_its_interval(before: Estimate, now: Estimate, exceeds: bool | None):
    assert Shift("a", "m", before, now).exceeds is exceeds


def test_for_many_seeds_the_interval_is_that_of_a_difference_of_means():
    """Against the textbook: 1.96 sqrt(s1^2 / n1 + s2^2 / n2)."""
    halves = [1.96 * sd / math.sqrt(n) for sd, n in ((2.0, 400), (3.0, 900))]
    interval = Shift("a", "m", *(Estimate(0.0, half, 1000) for half in halves)).interval
    assert interval == pytest.approx(1.96 * math.sqrt(4 / 400 + 9 / 900))


def test_only_what_both_have_and_what_differs_is_a_shift():
    before = ablation(same=written(1), moved=written(1), gone=written(1))
    now = ablation(same=written(1), moved=written(3), come=written(1)) | {}
    now["variants"]["other"] = {"moved": written(9)}
    assert shifts(before, now, "variants") == [Shift("base", "moved", Estimate(1, 1.0, 3), Estimate(3, 1.0, 3))]
    assert shifts(before, now, "difference_from_reference") == []


def test_one_seed_has_no_interval():
    [one] = shifts(ablation(a=written(1, None, 1)), ablation(a=written(2)), "variants")
    assert one.before.half_width is None and one.exceeds is None


def test_shifts_of_the_headline_follow_its_name():
    table = {"variants": {"a": {"m": written(1)}, "b": {"m": written(9)}}}
    sides = [Revision("r", params={"ablation": {"headline": name}}, ablation=table) for name in "ab"]
    [one] = headline_shifts(*sides)
    assert one.change == 8
    assert headline_shifts(Revision("r"), sides[0]) == []


def test_a_setting_names_the_variants_it_reaches():
    before = revision({"a": {"age": 1, "sex": 1}, "b": {"age": 1, "sex": 0}, "old": {"age": 1}})
    now = revision({"a": {"age": 2, "sex": 1}, "b": {"age": 2, "sex": 3}, "new": {"age": 7}})
    assert settings(before, now) == [Setting("loss.age", 1, 2, ("a", "b")), Setting("loss.sex", 0, 3, ("b",))]
    assert variants(before, now) == (["new"], ["old"])


def test_common_settings_come_from_params_and_effective_ones_do_not():
    before = revision({}, evaluate={"patients": 9}, loss={"age": 1}, variants={"a": {}}, ablation={"seeds": [0]})
    now = revision({}, evaluate={"patients": 8}, loss={"age": 2}, variants={"b": {}}, ablation={"seeds": [0, 1]})
    assert settings(before, now) == [Setting("evaluate.patients", 9, 8), Setting("ablation.seeds", [0], [0, 1])]


def test_a_new_key_and_a_false_that_was_zero():
    before, now = revision({"a": {"x": 0}}), revision({"a": {"x": 0, "y": None}})
    assert settings(before, now) == [Setting("loss.y", MISSING, None, ("a",))]


def verdict(**objectives: str) -> dict[str, Any]:
    return {name: {"verdict": verdict, "evidence": f"of {name}"} for name, verdict in objectives.items()}


def test_verdicts_that_turned():
    before = {"objectives": {"base": verdict(lm="healthy", sex="healthy", age="solved"), "old": verdict(lm="leaky")}}
    now = {"objectives": {"base": verdict(lm="healthy", sex="leaky", cooccur="constant"), "new": verdict(lm="leaky")}}
    turns = verdicts(before, now)
    assert turns == [
        Turn("base: sex", "healthy", "leaky"),
        Turn("base: age", "solved", MISSING),
        Turn("base: cooccur", MISSING, "constant"),
    ]
    assert turns[0].because == "of sex"


def judged(outcome: str, family: str = "primary") -> dict[str, Any]:
    return {"mean": 0.04, "half_width": 0.02, "seeds": 5, "outcome": outcome, "family": family}


def test_primary_endpoints_that_turned():
    """Not what is exploratory, was so before, or had no such difference before."""
    before = {"a": {"x": judged("undecided"), "y": judged("undecided"), "z": judged("undecided", "exploratory")}}
    now = {
        "a": {"x": judged("differs"), "y": judged("undecided"), "z": judged("differs"), "new": judged("differs")},
        "b": {"x": judged("differs")},
    }
    [turn] = outcomes({"difference_from_reference": before}, {"difference_from_reference": now})
    assert turn == Turn("a: x", "undecided", "differs") and turn.because == "measured 0.04 ± 0.02"


def claim(quote: str, verdict: str, **more: Any) -> dict[str, Any]:
    return {"quote": quote, "measure": "m", "margin": "closes 10 % of the gap", "verdict": verdict, **more}


def test_claims_that_turned():
    before = {"claims": [claim("a", "supported"), claim("gone", "refuted")], "expectations": [claim("b", "refuted")]}
    now = {
        "claims": [claim("a", "refuted", mean=0.5, half_width=0.25, supported_from=1.0)],
        "expectations": [claim("b", "refuted"), claim("come", "undecided", reason="not run: x")],
    }
    turns = {turn.what: turn for turn in claims(before, now)}
    assert set(turns) == {"a (m)", "gone (m)", "come (m)"}
    assert (turns["a (m)"].before, turns["a (m)"].now) == ("supported", "refuted")
    assert turns["a (m)"].because == "measured 0.5 ± 0.25; holds if ≥ 1 (closes 10 % of the gap)"
    assert turns["gone (m)"].now == MISSING
    assert turns["come (m)"].because == "not run: x"
