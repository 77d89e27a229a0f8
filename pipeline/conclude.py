"""Runs, anchors, histories and manifests -> reports/findings.md and .json: why each loss moved or not, and claims."""

import json
from pathlib import Path

from ehrgen.files import replacing
from ehrgen.findings import digest, traces
from ehrgen.findings.analysis import ANALYSIS, EXPECTED
from ehrgen.findings.claims import judge
from ehrgen.findings.diagnosis import diagnose
from ehrgen.findings.results import Results, by_seed
from ehrgen.findings.settings import AblationSettings
from ehrgen.metrics.suite import Scores, write_json
from ehrgen.params import load_yaml, section
from pipeline.command import run

REPORTS = Path("reports")


def main() -> None:
    ablation = section(load_yaml(Path("params.yaml")), "ablation", AblationSettings, "params.yaml")
    results = Results(
        runs=by_seed(ablation, REPORTS / "runs", ".json", Scores.load),
        traces=by_seed(ablation, REPORTS / "history", ".csv", traces.load),
        manifests=by_seed(ablation, REPORTS / "manifests", ".json", lambda path: json.loads(path.read_text())),
        anchors={path.stem: Scores.load(path) for path in sorted((REPORTS / "anchors").glob("*.json"))},
    )
    verdicts = {variant: diagnose(of_seed.values()) for variant, of_seed in results.traces.items()}
    judged = [[judge(claim, results) for claim in claims] for claims in (ANALYSIS, EXPECTED)]
    write_json(digest.content(verdicts, *judged), REPORTS / "findings.json")
    with replacing(REPORTS / "findings.md") as target:
        target.write_text(digest.findings(verdicts, *judged), encoding="utf-8")
    print(digest.summary(verdicts, *judged))


if __name__ == "__main__":
    run(main)
