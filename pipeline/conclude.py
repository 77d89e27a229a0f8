"""Runs, anchors, histories and manifests -> reports/findings.md and .json: why each loss moved or not, and claims."""

from pathlib import Path

from ehrgen.core.command import run
from ehrgen.core.files import write_json, write_text
from ehrgen.core.params import load_yaml, section
from ehrgen.findings.statistics.comparison import changes, loss_alone
from ehrgen.findings.statistics.results import Results
from ehrgen.findings.text.committed import findings_report
from ehrgen.findings.text.findings_md import content, summary
from ehrgen.findings.verdicts.claims import judge
from ehrgen.findings.verdicts.loss_analysis import ANALYSIS, EXPECTED
from ehrgen.findings.verdicts.losses import verdicts
from ehrgen.variants import AblationSettings, load_effective

REPORTS = Path("reports")


def main() -> None:
    ablation = section(load_yaml(Path("params.yaml")), "ablation", AblationSettings, "params.yaml")
    folders = (REPORTS / "runs", REPORTS / "history", REPORTS / "manifests", REPORTS / "anchors")
    changed = changes(load_effective(Path("resolved.yaml"), ablation), ablation.reference)
    results = Results.read(ablation, *folders, alike=loss_alone(changed))
    of_losses = verdicts(results.traces)
    analysis, expected = ([judge(claim, results) for claim in claims] for claims in (ANALYSIS, EXPECTED))
    found = content(of_losses, analysis, expected)
    write_json(found, REPORTS / "findings.json")
    write_text(findings_report(found), REPORTS / "findings.md")
    print(summary(of_losses, found["claims"], found["expectations"]))


if __name__ == "__main__":
    run(main)
