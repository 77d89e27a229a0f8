"""What training and measuring found -> reports/variants/*.json, reports/ablation.json and reports/ablation.md."""

import json
from pathlib import Path

from ehrgen.core.command import run
from ehrgen.core.files import replacing, write_json, write_text
from ehrgen.core.params import load_yaml, section
from ehrgen.findings.statistics import attribution
from ehrgen.findings.statistics.comparison import changes, compare
from ehrgen.findings.statistics.costs import costs
from ehrgen.findings.statistics.results import Results, by_seed
from ehrgen.findings.text.ablation_md import report
from ehrgen.findings.verdicts.losses import verdicts
from ehrgen.variants import AblationSettings

REPORTS = Path("reports")


def main() -> None:
    ablation = section(load_yaml(Path("params.yaml")), "ablation", AblationSettings, "params.yaml")
    folders = (REPORTS / "runs", REPORTS / "history", REPORTS / "manifests", REPORTS / "anchors")
    results = Results.read(ablation, *folders)
    histories = by_seed(ablation, REPORTS / "history", ".csv", attribution.load)
    objectives = {variant: attribution.mean_over_seeds(found.values()) for variant, found in histories.items()}
    margins = json.loads((REPORTS / "margins.json").read_text(encoding="utf-8"))["standard_error"]
    found = compare(results.runs, results.anchors, margins, ablation.run, ablation.seeds, ablation.reference)
    changed = changes(load_yaml(Path("resolved.yaml"))["effective"], ablation.reference)
    with replacing(REPORTS / "variants") as folder:
        for variant in filter(results.runs.get, ablation.run):
            write_json(found.headline(variant), folder / f"{variant}.json", sort_keys=True)
    write_json({**found.content(), "objectives": objectives}, REPORTS / "ablation.json", sort_keys=True)
    cost = costs(results.manifests, ablation.reference)
    write_text(report(found, objectives, changed, verdicts(results.traces), cost), REPORTS / "ablation.md")


if __name__ == "__main__":
    run(main)
