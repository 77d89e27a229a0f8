from ehrgen.findings.statistics.caveats import blind, missing, not_judged, sizes
from ehrgen.metrics.table.scores import Scores


def scores(n: int = 10, **not_judged: str) -> Scores:
    return Scores({}, not_judged, n)


def test_missing_runs_name_variant_and_seeds():
    runs = {"base": {0: scores()}, "less": {}}
    assert missing(runs, [0, 1, 2], "base") == [
        "base: no result for seed 1, 2; run `dvc repro`",
        "less: no result for seed 0, 1, 2; run `dvc repro`",
    ]
    assert missing(runs, [0], "less")[1:] == [
        "no differences: the reference less has no result",
        "no intervals: one seed says nothing about the spread between trainings",
    ]


def test_sizes_must_agree():
    runs = {"base": {0: scores(1000), 1: scores(3000)}}
    assert sizes({"base": {0: scores()}}, {"floor": scores()}) == []
    [remark] = sizes(runs, {"floor": scores(3000)})
    assert "1,000, 3,000" in remark
    assert "no floor and no anchors" in sizes(runs, {})[0]


def test_one_remark_a_reason():
    runs = {
        "base": {0: scores(a="small", b="small", c="vacuous"), 1: scores(a="small", b="small")},
        "less": {0: scores(a="small", b="small", d="other"), 1: scores(a="small", b="small", d="other")},
    }
    anchors = {"floor": scores(a="small", b="small"), "collapsed": scores(a="small", b="small", c="vacuous")}
    assert not_judged(runs, anchors) == [
        "a, b: small (everywhere)",
        "c: vacuous (base (seed 0); anchor collapsed)",
        "d: other (less)",
    ]


def test_blind_without_a_floor_says_nothing():
    assert blind(None) == {}
    assert blind(Scores({"pair_r2": 0.9}, {}, 10)) == {}
