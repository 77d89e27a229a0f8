"""What the other stages found -> reports/report.html, its figure, and shares.csv for `dvc plots`; measures nothing."""

from pathlib import Path

from ehrgen.core.command import run
from ehrgen.core.files import write_text
from ehrgen.core.params import load_yaml, section
from ehrgen.core.records import read_record
from ehrgen.findings.page.contents import Comparison, Findings, Quality
from ehrgen.findings.page.figure import figure
from ehrgen.findings.page.inputs import Sources, load_portrait
from ehrgen.findings.page.page import page
from ehrgen.findings.page.plots_csv import shares_csv
from ehrgen.findings.statistics.comparison import changes
from ehrgen.findings.statistics.results import by_seed, traces_of, trainings
from ehrgen.variants import AblationSettings, load_effective

REPORTS = Path("reports")


def main() -> None:
    ablation = section(load_yaml(Path("params.yaml")), "ablation", AblationSettings, "params.yaml")
    changed = changes(load_effective(Path("resolved.yaml"), ablation), ablation.reference)
    histories, manifests = trainings(ablation, REPORTS / "history", REPORTS / "manifests")
    sources = Sources(
        ablation=read_record(REPORTS / "ablation.json", Comparison),
        findings=read_record(REPORTS / "findings.json", Findings),
        quality=read_record(REPORTS / "quality.json", Quality),
        traces=traces_of(histories),
        manifests=manifests,
        portraits=by_seed(ablation, REPORTS / "portraits", ".json", load_portrait),
        floor=load_portrait(REPORTS / "portraits/floor.json"),
        changes=changed,
    )
    write_text(page(sources), REPORTS / "report.html")
    write_text(figure(sources.ablation), REPORTS / "figure.svg")
    write_text(shares_csv(sources.traces), REPORTS / "shares.csv")


if __name__ == "__main__":
    run(main)
