"""What the other stages found -> reports/report.html, for the eye, and shares.csv for `dvc plots`; measures nothing."""

from pathlib import Path

from ehrgen.core.command import run
from ehrgen.core.files import write_text
from ehrgen.core.params import load_yaml, section
from ehrgen.findings.page.inputs import Sources, load, load_portrait
from ehrgen.findings.page.page import page
from ehrgen.findings.page.plots_csv import shares_csv
from ehrgen.findings.statistics.comparison import changes
from ehrgen.findings.statistics.history import load_traces
from ehrgen.findings.statistics.results import by_seed
from ehrgen.variants import AblationSettings

REPORTS = Path("reports")


def main() -> None:
    ablation = section(load_yaml(Path("params.yaml")), "ablation", AblationSettings, "params.yaml")
    sources = Sources(
        ablation=load(REPORTS / "ablation.json"),
        findings=load(REPORTS / "findings.json"),
        quality=load(REPORTS / "quality.json"),
        traces=by_seed(ablation, REPORTS / "history", ".csv", load_traces),
        manifests=by_seed(ablation, REPORTS / "manifests", ".json", load),
        portraits=by_seed(ablation, REPORTS / "portraits", ".json", load_portrait),
        floor=load_portrait(REPORTS / "portraits/floor.json"),
        changes=changes(load_yaml(Path("resolved.yaml"))["effective"], ablation.reference),
    )
    write_text(page(sources), REPORTS / "report.html")
    write_text(shares_csv(sources.traces), REPORTS / "shares.csv")


if __name__ == "__main__":
    run(main)
