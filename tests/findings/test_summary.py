"""The answer of a run in sentences: made of findings, right for any of them."""

import re
from dataclasses import replace

import pytest

from ehrgen.findings.statistics.comparison import Ablation, compare
from ehrgen.findings.text.summary import Objectives, markdown, summary
from ehrgen.findings.text.words import METRICS_IN_WORDS, another_system
from ehrgen.findings.verdicts.losses import Verdict
from ehrgen.learning.endpoints import ENDPOINTS, harmed, primary
from ehrgen.learning.settings import WEIGHTS
from ehrgen.metrics.table.scores import Scores
from ehrgen.metrics.table.suite import METRICS

FLOOR = {"coverage": 1.0, "effective_codes": 1.0, "pair_r2": 0.8, "pair_lift": 0.8, "unique_patients": 0.95}
BASE = {"coverage": 0.87, "effective_codes": 0.94, "pair_r2": 0.75, "pair_lift": 0.67, "unique_patients": 0.95}
WEIGHED = {"lm": 1.0, "age": 0.1, "sex": 0.1, "cooccur": 0.1}
OBJECTIVES: Objectives = {
    "base": {name: {"weight": one, "share": 0.1, "grad_share": 0.001} for name, one in WEIGHED.items()}
}
NO_COOCCUR = {"loss.cooccur": 0.0}
OTHER = {"loss.cooccur_form": "x", "model.layers": 1, "sampling.greedy": True, "train.epochs": 1}


def run(values: dict[str, float], patients: int = 3000) -> dict[int, Scores]:
    """Three seeds around these values, each a little elsewhere."""
    seeds = {0: -0.0011, 1: 0.0013, 2: -0.0002}
    return {
        seed: Scores({name: value + off for name, value in values.items()}, {}, patients) for seed, off in seeds.items()
    }


def compared(changes: dict[str, dict], runs: dict[str, dict[str, float]], patients: int = 3000) -> Ablation:
    """Variants whose metrics are those of the base but for these."""
    every = {"base": run(BASE, patients)} | {
        name: {
            seed: Scores({**one.metrics, **_moved(seed, values)}, {}, patients)
            for seed, one in run(BASE, patients).items()
        }
        for name, values in runs.items()
    }
    anchors = {
        "floor": Scores(FLOOR, {}, patients),
        "independent_codes": Scores(dict.fromkeys(FLOOR, 0.5), {}, patients),
    }
    endpoints = {name: primary(changes.get(name, {})) for name in every}
    harm = {name: harmed(changed, WEIGHED) for name, changed in changes.items()}
    return compare(every, anchors, {}, endpoints, list(every), [0, 1, 2], "base", (), harm)


def _moved(seed: int, values: dict[str, float]) -> dict[str, float]:
    return {name: value + 0.0001 * seed for name, value in values.items()}


def points(changes: dict[str, dict], runs: dict[str, dict[str, float]], **options: int) -> dict[str, str]:
    return {one.head: one.text for one in summary(compared(changes, runs, **options), changes, {}, OBJECTIVES)}


def test_a_loss_that_costs_and_does_not_help():
    found = points({"no_cooccur": NO_COOCCUR}, {"no_cooccur": {"coverage": 0.92, "effective_codes": 0.99}})
    assert found["In short"] == (
        "The co-occurrence loss does not noticeably improve what it is meant to improve. "
        "The co-occurrence loss lowers the number of different codes and the effective number of codes."
    )
    assert (
        "Without the co-occurrence loss (`no_cooccur`), nothing that the loss is meant to move"
        in found["What the losses teach"]
    )
    cost = found["What they cost"]
    assert cost.startswith(
        "Without the co-occurrence loss (`no_cooccur`), the number of different codes (`coverage`) is"
    )
    assert "(better)" in cost and "(worse)" not in cost
    assert found["Still open"].startswith(
        "4 of the 4 primary comparisons with `base` are decided. 2 differ, and 2 show"
    )


def test_a_loss_that_helps_is_said_to():
    found = points({"no_cooccur": NO_COOCCUR}, {"no_cooccur": {"pair_r2": 0.6}})
    assert found["In short"] == "The co-occurrence loss improves the fit of pairs of codes."
    assert "is lower by 0.1499" in found["What the losses teach"] and "(worse)" in found["What the losses teach"]


def test_what_two_variants_show_is_said_once():
    alone = {"loss.age": 0.0, "loss.sex": 0.0, "loss.cooccur": 0.0}
    changes = {"lm_only": alone, "no_cooccur": NO_COOCCUR}
    found = points(changes, {"lm_only": {"coverage": 0.93}, "no_cooccur": {"coverage": 0.92}})
    assert found["What they cost"].count("is higher by") == 1
    assert "Part of the same shows in `lm_only`." in found["What they cost"]


def test_variants_that_came_out_equal_are_named():
    same = {"coverage": 0.92, "effective_codes": 0.99}
    changes = {"no_cooccur": NO_COOCCUR, "observed": {"loss.cooccur_form": "observed"}}
    found = points(changes, {"no_cooccur": same, "observed": same})
    assert "`no_cooccur` and `observed` came out equal in every metric." in found["Losses that do not work"]
    assert "observed" not in found["What they cost"]


def test_another_system_is_no_lead_and_names_no_cause():
    assert another_system(OTHER) and not another_system(NO_COOCCUR)
    copied = dict.fromkeys(BASE, 0.0)
    found = points({"replica": OTHER, "no_cooccur": NO_COOCCUR}, {"replica": copied, "no_cooccur": {}})
    assert (
        "3,000 patients are copies of 1 record. It differs from `base` in loss, model, training and sampling"
        in found["Collapse"]
    )
    assert all("replica" not in text for head, text in found.items() if head not in ("Collapse", "Still open"))


def test_of_a_reference_that_collapsed_it_is_said_what_ends_it():
    changes = {"no_cooccur": NO_COOCCUR, "sampled": {"sampling.greedy": False}}
    ablation = compared(changes, {"no_cooccur": {"unique_patients": 0.0004}, "sampled": {"unique_patients": 0.4}})
    stuck = replace(ablation.estimates["base"]["unique_patients"], mean=0.0003)
    ablation.estimates["base"]["unique_patients"] = stuck
    first, *others = summary(ablation, changes, {}, OBJECTIVES)
    assert first.head == "Collapse" and "In short" not in {one.head for one in others}
    assert first.text == (
        "The samples of `base` collapsed: 3,000 patients are copies of 1 record. Leaving out losses does not end it "
        "(`no_cooccur`). With `sampling.greedy` False (`sampled`), 40 % of the patients are unlike each other."
    )


def test_the_undecided_say_what_they_need():
    noisy = {"no_cooccur": {}}
    ablation = compared({"no_cooccur": NO_COOCCUR}, noisy)
    wide = {name: replace(one, mean=0.03, half_width=0.08) for name, one in ablation.differences["no_cooccur"].items()}
    judged = {
        name: replace(one, outcome="undecided", seeds=9) for name, one in ablation.significance["no_cooccur"].items()
    }
    ablation = replace(ablation, differences={"no_cooccur": wide}, significance={"no_cooccur": judged})
    found = {one.head: one.text for one in summary(ablation, {"no_cooccur": NO_COOCCUR}, {}, OBJECTIVES)}
    assert found["In short"] == "Whether the co-occurrence loss does what it is meant to is undecided."
    assert (
        found["Still open"].startswith("0 of the 4")
        and "such as about 9 for `pair_r2` of `no_cooccur`" in found["Still open"]
    )
    assert found["A lead, no result"] == "Nothing that was not named beforehand is beyond chance."


def test_a_lead_is_named_as_such():
    found = points({"no_cooccur": NO_COOCCUR}, {"no_cooccur": {"unique_patients": 0.9}})
    assert found["A lead, no result"].startswith(
        "Without the co-occurrence loss (`no_cooccur`), the share of patients who"
    )
    assert found["A lead, no result"].endswith("needs new seeds to be a result.")


@pytest.mark.parametrize("seeds", [1, 3])
def test_one_variant_or_one_seed_decides_nothing_and_says_so(seeds: int):
    runs = {"base": dict(list(run(BASE).items())[:seeds])}
    ablation = compare(runs, {}, {}, {}, ["base"], range(seeds), "base")
    found = {one.head: one.text for one in summary(ablation, {}, {}, OBJECTIVES)}
    assert found["Still open"] == "Nothing was compared with `base`: that needs another variant, and two seeds of both."
    assert found["Collapse"] == "No variant's samples collapsed."
    assert set(found) == {"Still open", "Collapse"}


def test_few_patients_are_said_to_be_few():
    assert "With 25 patients on each side" in points({}, {}, patients=25)["Few patients"]
    assert "Few patients" not in points({}, {})


def verdict(name: str, evidence: str = "", **others: int) -> Verdict:
    return Verdict(name, {name: 2, **others}, evidence, ())


def test_faults_the_gravest_first_and_split_seeds_last():
    verdicts = {
        "base": {
            "lm": verdict("healthy"),
            "sex": verdict("negligible", "0.1 % of the gradient, 0.02 % of the loss value"),
            "age": verdict("unlearned", healthy=2),
        },
        "replica": {
            "lm": verdict("leaky"),
            "sex": verdict("leaky"),
            "cooccur": verdict("constant", "28 % of the loss value, 0 % of the gradient"),
        },
        "slow": {"lm": verdict("unlearned"), "sex": verdict("unlearned")},
    }
    found = {one.head: one.text for one in summary(compared({}, {}), {}, verdicts, OBJECTIVES)}
    assert found["Losses that do not work"] == (
        "The co-occurrence loss of `replica` teaches nothing: it is 28 % of the loss value and has no gradient. "
        "The language model of `replica` is leaky: it reads inputs that it does not have when patients are sampled. "
        "The sex loss of `replica` is leaky: it reads its answer in the input, and need not learn it from the codes. "
        "The sex loss of `base` is negligible: it has 0.1 % of the gradient. "
        "The language model and the sex loss of `slow` were not learned: they end at chance. "
        "Seeds disagree about the age loss of `base`."
    )
    healthy = summary(compared({}, {}), {}, {"base": {"lm": verdict("healthy")}}, OBJECTIVES)
    assert ("Losses that do not work", "No loss of any variant shows a fault.") in [
        (one.head, one.text) for one in healthy
    ]


def test_every_endpoint_has_words_and_every_word_a_metric():
    endpoints = {name for one in ENDPOINTS.values() for name in (*one.moves, *one.harms)}
    assert endpoints <= set(METRICS_IN_WORDS) <= set(METRICS)
    assert set(WEIGHTS) == set(ENDPOINTS)


def test_no_sentence_of_the_committed_run_has_more_than_three_numbers():
    from ehrgen.core.files import read_json
    from tests.support.sandbox import ROOT

    for point in read_json(ROOT / "reports/ablation.json", "")["summary"]:
        for sentence in point["text"].split(". "):
            bare = re.sub(r"`[^`]*`| ± [\d.]+", "", sentence)
            assert len(re.findall(r"\d[\d,.]*", bare)) <= 3, sentence
    assert markdown([{"head": "A", "text": "b."}]) == "- **A.** b."
