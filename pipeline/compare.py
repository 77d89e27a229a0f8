"""Runs, anchors, margins and histories -> reports/variants/*.json, reports/ablation.json and reports/ablation.md."""

import json
from pathlib import Path

from ehrgen.files import replacing
from ehrgen.findings import attribution
from ehrgen.findings.comparison import changes, compare
from ehrgen.findings.markdown import report
from ehrgen.findings.results import by_seed
from ehrgen.findings.settings import AblationSettings
from ehrgen.metrics.suite import Scores, write_json
from ehrgen.params import load_yaml, section
from pipeline.command import run

REPORTS = Path("reports")


def main() -> None:
    ablation = section(load_yaml(Path("params.yaml")), "ablation", AblationSettings, "params.yaml")
    runs = by_seed(ablation, REPORTS / "runs", ".json", Scores.load)
    histories = by_seed(ablation, REPORTS / "history", ".csv", attribution.load)
    objectives = {variant: attribution.mean_over_seeds(found.values()) for variant, found in histories.items()}
    anchors = {path.stem: Scores.load(path) for path in sorted((REPORTS / "anchors").glob("*.json"))}
    margins = json.loads((REPORTS / "margins.json").read_text(encoding="utf-8"))["standard_error"]
    found = compare(runs, anchors, margins, ablation.run, ablation.seeds, ablation.reference)
    changed = changes(load_yaml(Path("resolved.yaml"))["effective"], ablation.reference)
    with replacing(REPORTS / "variants") as folder:
        for variant in filter(runs.get, ablation.run):
            write_json(found.headline(variant), folder / f"{variant}.json")
    write_json({**found.content(), "objectives": objectives}, REPORTS / "ablation.json")
    with replacing(REPORTS / "ablation.md") as target:
        target.write_text(report(found, objectives, changed), encoding="utf-8")


if __name__ == "__main__":
    run(main)
