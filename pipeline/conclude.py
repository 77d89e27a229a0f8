"""Runs, anchors, histories and manifests -> reports/findings.md and .json: why each loss moved or not, and claims."""

from pathlib import Path

from ehrgen.core.command import run
from ehrgen.core.files import write_json, write_text
from ehrgen.core.params import load_yaml, section
from ehrgen.findings.statistics.results import Results
from ehrgen.findings.text.findings_md import content, report, summary
from ehrgen.findings.verdicts.claims import judge
from ehrgen.findings.verdicts.loss_analysis import ANALYSIS, EXPECTED
from ehrgen.findings.verdicts.losses import verdicts
from ehrgen.variants import AblationSettings

REPORTS = Path("reports")


def main() -> None:
    ablation = section(load_yaml(Path("params.yaml")), "ablation", AblationSettings, "params.yaml")
    folders = (REPORTS / "runs", REPORTS / "history", REPORTS / "manifests", REPORTS / "anchors")
    results = Results.read(ablation, *folders)
    of_losses = verdicts(results.traces)
    analysis, expected = ([judge(claim, results) for claim in claims] for claims in (ANALYSIS, EXPECTED))
    write_json(content(of_losses, analysis, expected), REPORTS / "findings.json", sort_keys=True)
    write_text(report(of_losses, analysis, expected), REPORTS / "findings.md")
    print(summary(of_losses, analysis, expected))


if __name__ == "__main__":
    run(main)
