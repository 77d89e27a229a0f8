import pytest

from ehrgen.findings.text.findings_md import content, counts, report, summary
from ehrgen.findings.verdicts.claims import Claim, Judged, at_least, judge
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


def judged(*lows: float) -> list[Judged]:
    """One claim for each: coverage, which is 0.5 in all seeds, is at least this."""
    return [judge(Claim(7, "covers", Level("coverage", "a"), at_least(low, "why")), RESULTS) for low in lows]


def test_verdicts_with_evidence_then_claims():
    text = report(VERDICTS, judged(0.4, 0.6), judged(0.1))
    assert "### dead\n\n- lm: healthy" in text and "### absent\n\nNo history" in text
    assert "- cooccur: constant; 28 % of the loss value, 0 % of the gradient\n" in text
    assert "leaky (no chance), solved (no chance)" in text
    assert "1 supported, 1 refuted, 0 undecided" in text and text.index("## Claims") > text.index("### dead")
    rows = [[part.strip() for part in line.split("|")[1:-1]] for line in text.splitlines() if "covers" in line]
    assert rows[:2] == [
        ["1. covers (line 7)", "supported", "0.5 ± 0", "≥ 0.4", ""],
        ["2. covers (line 7)", "refuted", "0.5 ± 0", "≥ 0.6", ""],
    ]
    assert "1. coverage of a; why\n" in text


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
    written = content(VERDICTS, judged(0.4), judged(0.6))
    assert written["objectives"]["dead"]["cooccur"]["verdict"] == "constant"
    assert [written[part][0]["verdict"] for part in ("claims", "expectations")] == ["supported", "refuted"]


@pytest.mark.parametrize("claims", [ANALYSIS, EXPECTED])
def test_the_real_table_fits_a_terminal(claims: tuple[Claim, ...]):
    everything = results(*{claim.measure.variant for claim in claims})
    text = report({}, [judge(claim, everything) for claim in claims], [])
    assert max(len(line) for line in text.splitlines() if line.startswith("|")) <= 130
    assert counts([]) == "0 supported, 0 refuted, 0 undecided"
