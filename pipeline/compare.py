"""What training and measuring found -> reports/variants/*.json, reports/ablation.json and reports/ablation.md."""

from pathlib import Path

from ehrgen.core.command import run
from ehrgen.core.files import replacing, write_json, write_text
from ehrgen.core.params import load_yaml, section
from ehrgen.findings.statistics.comparison import changes, compare, loss_alone
from ehrgen.findings.statistics.costs import costs
from ehrgen.findings.statistics.history import mean_of_final_epochs
from ehrgen.findings.statistics.margins import load_resolution
from ehrgen.findings.statistics.results import Results
from ehrgen.findings.text.committed import ablation_report, content
from ehrgen.findings.verdicts.losses import verdicts
from ehrgen.learning.endpoints import harmed, primary
from ehrgen.variants import AblationSettings, load_effective

REPORTS = Path("reports")


def main() -> None:
    settings = section(load_yaml(Path("params.yaml")), "ablation", AblationSettings, "params.yaml")
    folders = (REPORTS / "runs", REPORTS / "history", REPORTS / "manifests", REPORTS / "anchors")
    results = Results.read(settings, *folders)
    objectives = {name: mean_of_final_epochs(by_seed.values()) for name, by_seed in results.histories.items()}
    resolution = load_resolution(REPORTS / "margins.json")
    effective = load_effective(Path("resolved.yaml"), settings)
    changed = changes(effective, settings.reference)
    may_harm = {variant: harmed(listed, effective[settings.reference]["loss"]) for variant, listed in changed.items()}
    endpoints = {variant: primary(changed.get(variant, {})) for variant in settings.run}
    of_ablation = (settings.run, settings.seeds, settings.reference, loss_alone(changed), may_harm)
    ablation = compare(results.runs, results.anchors, resolution, endpoints, *of_ablation)
    with replacing(REPORTS / "variants") as folder:
        for variant in filter(results.runs.get, settings.run):
            write_json(ablation.headline(variant), folder / f"{variant}.json", sort_keys=True)
    of_losses, cost = verdicts(results.traces), costs(results.manifests, settings.reference)
    measured = content(ablation, objectives, changed, of_losses, cost)
    write_json(measured, REPORTS / "ablation.json")
    write_text(ablation_report(measured, of_losses), REPORTS / "ablation.md")


if __name__ == "__main__":
    run(main)
