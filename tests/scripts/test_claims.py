"""docs/claims.md is what the committed runs say."""

from pathlib import Path

from ehrgen.findings.text.claims_md import EXPLAINED, page
from ehrgen.findings.verdicts.loss_analysis import ANALYSIS
from ehrgen.findings.verdicts.pooled import DECIDED, DEPENDS
from scripts.claims import PAGE, judged
from tests.support.sandbox import ROOT


def test_the_page_is_up_to_date():
    written = (ROOT / PAGE).read_text(encoding="utf-8")
    assert written == page(judged(ROOT)), "run: python -m scripts.claims"


def test_every_sentence_has_a_row_and_every_contradiction_a_reason():
    found = judged(ROOT)
    assert [one.claim for one in found] == list(ANALYSIS)
    text = page(found)
    rows = [line for line in text.splitlines() if line.startswith("| ") and line.split("|")[1].strip().isdigit()]
    assert len(rows) == len(ANALYSIS)
    contradicted = {one.claim.quote for one in found if one.verdict == DEPENDS}
    assert contradicted <= set(EXPLAINED)
    assert sum(one.verdict in DECIDED for one in found) == int(text.split(" of 51 are decided")[0].split()[-1])


def test_a_run_without_findings_is_no_evidence(tmp_path: Path):
    for name in ("params.yaml", "reports/findings.json"):
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "studies/later").mkdir(parents=True)
    (tmp_path / "studies/later/params.yaml").write_text("train: {epochs: 2}\n")
    runs = {evidence.run for one in judged(tmp_path) for evidence in one.evidence}
    assert runs == {"default"}
