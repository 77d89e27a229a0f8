from typing import Any

import pytest

from ehrgen.findings.text.findings_md import content, counts, report, summary
from ehrgen.findings.verdicts.claims import Claim, at_least, judge
from ehrgen.findings.verdicts.loss_analysis import ANALYSIS, EXPECTED
from ehrgen.findings.verdicts.losses import diagnose
from ehrgen.findings.verdicts.measures import Level
from tests.support.findings import HEALTHY_HEAD, HEALTHY_OTHER, results, trace, training

DEAD = training() | {"cooccur": trace(HEALTHY_OTHER, grad_norm=0, grad_share=0, share=0.28)}
VERDICTS = {
    "base": diagnose([training(), training()]),
    "dead": diagnose([DEAD | {"sex": trace(HEALTHY_HEAD, chance=None)}]),
    "absent": {},
}
RESULTS = results("a")


def judged(*lows: float) -> list[dict[str, Any]]:
    """One claim for each: coverage, which is 0.5 in all seeds, is at least this."""
    claims = [Claim(7, "covers", Level("coverage", "a"), at_least(low, "why")) for low in lows]
    return [judge(claim, RESULTS).content() for claim in claims]


def test_claims_by_verdict_then_the_evidence_on_losses():
    untested = judge(Claim(9, "is real", Level("coverage", "b"), at_least(0.1, "why")), RESULTS).content()
    text = report(VERDICTS, [*judged(0.4, 0.6), untested], judged(0.1))
    assert "### dead\n\n- lm: healthy" in text and "### absent\n\nNo history" in text
    assert "- cooccur: constant; 28 % of the loss value, 0 % of the gradient\n" in text
    assert "leaky (no chance), solved (no chance)" in text
    assert "1 supported, 1 refuted, 0 undecided, 1 not tested." in text
    assert text.index("## Claims") < text.index("### Supported") < text.index("### Refuted") < text.index("### dead")
    rows = [[part.strip() for part in line.split("|")[1:-1]] for line in text.splitlines() if "| " in line]
    assert ["1. covers (line 7)", "0.5 ± 0", "≥ 0.4"] in rows and ["2. covers (line 7)", "0.5 ± 0", "≥ 0.6"] in rows
    assert "- not run: b: 3. is real (line 9)\n" in text
    assert "1. coverage of a; why\n" in text


def test_the_undecided_say_how_many_seeds_they_need():
    claim = {"line": 7, "quote": "covers", "measure": "coverage", "margin": "why", "verdict": "undecided", "mean": 0.5}
    open_ = claim | {"half_width": 0.2, "seeds": 3, "seeds_to_decide": 9, "supported_from": 0.4}
    alone = claim | {"seeds": 1, "supported_to": 0.4, "reason": "one seed has no interval"}
    rows = [line.split("|")[1:-1] for line in report({}, [open_, alone], []).splitlines() if "covers" in line]
    assert [[part.strip() for part in row] for row in rows] == [
        ["1. covers (line 7)", "0.50 ± 0.20", "≥ 0.4", "about 9 seeds"],
        ["2. covers (line 7)", "0.5", "≤ 0.4", "one seed has no interval"],
    ]


def test_the_terminal_gets_the_faults_and_the_counts():
    lines = summary(VERDICTS, judged(0.4, 0.6), judged(0.1)).splitlines()
    assert lines == [
        "base",
        "  healthy: lm, age, sex, cooccur",
        "dead",
        "  cooccur: constant; 28 % of the loss value, 0 % of the gradient",
        "  healthy: lm, age",
        "  unclear: sex",
        "absent",
        "  no history",
        "claims: 1 supported, 1 refuted, 0 undecided",
        "our expectations: 1 supported, 0 refuted, 0 undecided",
    ]


def test_content_holds_every_verdict():
    claims = [Claim(7, "covers", Level("coverage", "a"), at_least(low, "why")) for low in (0.4, 0.6)]
    written = content(VERDICTS, *([judge(claim, RESULTS)] for claim in claims))
    assert written["objectives"]["dead"]["cooccur"]["verdict"] == "constant"
    assert [written[part][0]["verdict"] for part in ("claims", "expectations")] == ["supported", "refuted"]


@pytest.mark.parametrize("claims", [ANALYSIS, EXPECTED])
def test_the_real_table_fits_a_terminal(claims: tuple[Claim, ...]):
    everything = results(*{claim.measure.variant for claim in claims})
    text = report({}, [judge(claim, everything).content() for claim in claims], [])
    assert max(len(line) for line in text.splitlines() if line.startswith("|")) <= 130
    assert counts([]) == "0 supported, 0 refuted, 0 undecided"
