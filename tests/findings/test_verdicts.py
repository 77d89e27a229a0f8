from ehrgen.findings.page import verdicts
from ehrgen.findings.verdicts.claims import judge
from ehrgen.findings.verdicts.loss_analysis import ANALYSIS
from ehrgen.findings.verdicts.losses import HEALTHY, MEANINGS, RULES, UNCLEAR
from tests.support.findings import results
from tests.support.html import Reading


def verdict(name: str, evidence: str = "28 % of the loss value, 0 % of the gradient", *not_checked: str) -> dict:
    return {"verdict": name, "seeds": {name: 2, "healthy": 1}, "evidence": evidence, "not_checked": list(not_checked)}


VERDICTS = {
    "base": {"lm": verdict("healthy"), "sex": verdict("negligible", "0.1 % of the gradient")},
    "replica": {"cooccur": verdict("constant"), "sex": verdict("negligible"), "lm": verdict("unclear", "", "leaky")},
}


def test_every_verdict_has_a_sign_and_a_meaning():
    names = {*RULES, HEALTHY, UNCLEAR}
    assert set(MEANINGS) == names <= set(verdicts.SIGNS)


def test_the_matrix_has_a_row_a_variant_and_explains_what_it_shows():
    read = Reading(verdicts.matrix(VERDICTS, ["base", "replica", "none"], ["lm", "sex", "cooccur"]))
    assert "base✓ healthy! negligible (2 of 3)–" in read.text and "none–––" in read.text
    assert "no path to the shared parameters" in read.text and "pulls against lm" not in read.text


def test_cards_say_what_they_rest_on_and_what_was_not_checked():
    text = Reading(verdicts.cards(VERDICTS["replica"], ["lm", "sex", "cooccur"])).text
    assert text.index("lm") < text.index("sex") < text.index("cooccur")
    assert "Not checked: leaky" in text and "seeds: constant 2, healthy 1" in text


def test_tables_hold_every_claim_with_value_and_bound_and_set_the_untested_apart():
    claims = [judge(claim, results("replica", "replica_no_cooccur")).content() for claim in ANALYSIS]
    there = [one for one in claims if "mean" in one]
    for shown, untested in ((there, False), ([one for one in claims if one not in there], True)):
        read = Reading(verdicts.table(claims, untested))
        assert len(read.all("tr")) == len(shown) + 1 > 5
        for one in shown:
            assert one["quote"] in read.text and one["measure"] in read.text and one.get("reason", "") in read.text
        assert ("not run" in read.text) is untested
        assert ("≤ 0.05" in read.text and "0.2 to 0.35" in read.text) is not untested


def test_the_tally_is_as_wide_as_its_counts_and_leaves_out_the_untested():
    claims = [{"verdict": "refuted", "mean": 1.0}] * 3 + [{"verdict": "supported", "mean": 1.0}]
    read = Reading(verdicts.tally([*claims, {"verdict": "undecided", "reason": "not run: a"}]))
    assert [own["style"] for _, own in read.tags if "style" in own] == ["flex-grow:1", "flex-grow:3"]
    assert "✕ refuted 3" in read.text and "undecided" not in read.text
