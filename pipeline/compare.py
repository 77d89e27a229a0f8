"""Runs, anchors and histories -> reports/variants/*.json, reports/ablation.json and reports/ablation.md."""

from pathlib import Path

from ehrgen.files import replacing
from ehrgen.findings import attribution
from ehrgen.findings.comparison import changes, compare
from ehrgen.findings.markdown import report
from ehrgen.findings.settings import AblationSettings
from ehrgen.metrics.suite import Scores, write_json
from ehrgen.params import load_yaml, section
from pipeline.command import run

REPORTS = Path("reports")


def main() -> None:
    ablation = section(load_yaml(Path("params.yaml")), "ablation", AblationSettings, "params.yaml")
    runs, objectives = {}, {}
    for variant in ablation.run:
        results = {seed: REPORTS / "runs" / variant / f"{seed}.json" for seed in ablation.seeds}
        runs[variant] = {seed: Scores.load(path) for seed, path in results.items() if path.exists()}
        epochs = [REPORTS / "history" / variant / f"{seed}.csv" for seed in ablation.seeds]
        objectives[variant] = attribution.mean_over_seeds(map(attribution.load, filter(Path.exists, epochs)))
    anchors = {path.stem: Scores.load(path) for path in sorted((REPORTS / "anchors").glob("*.json"))}
    found = compare(runs, anchors, ablation.run, ablation.seeds, ablation.reference)
    changed = changes(load_yaml(Path("resolved.yaml"))["effective"], ablation.reference)
    with replacing(REPORTS / "variants") as folder:
        for variant in filter(runs.get, ablation.run):
            write_json(found.headline(variant), folder / f"{variant}.json")
    write_json({**found.content(), "objectives": objectives}, REPORTS / "ablation.json")
    with replacing(REPORTS / "ablation.md") as target:
        target.write_text(report(found, objectives, changed), encoding="utf-8")


if __name__ == "__main__":
    run(main)
