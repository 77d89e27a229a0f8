"""The metrics of the variant named by ablation.headline -> reports/headline.json."""

from pathlib import Path

from ehrgen.core.command import run
from ehrgen.core.files import write_json
from ehrgen.core.params import ParamsError, load_yaml
from ehrgen.metrics.table.scores import load_headline


def main() -> None:
    variants = Path("reports/variants")
    name = load_yaml(Path("params.yaml"))["ablation"]["headline"]
    if not (variants / f"{name}.json").is_file():
        known = ", ".join(sorted(path.stem for path in variants.glob("*.json"))) or "none"
        raise ParamsError(f"params.yaml: ablation.headline: '{name}' has no results; variants with results: {known}")
    write_json(load_headline(variants / f"{name}.json"), Path("reports/headline.json"), sort_keys=True)


if __name__ == "__main__":
    run(main)
