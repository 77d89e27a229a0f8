"""Base sections and variants of params.yaml -> resolved.yaml; removes results of what no longer runs."""

from pathlib import Path
from typing import Any

from ehrgen.core.command import run
from ehrgen.core.files import write_json
from ehrgen.core.params import load_yaml, section
from ehrgen.data.people import check_tables
from ehrgen.data.readers import source
from ehrgen.data.settings import CohortSettings, SequenceSettings
from ehrgen.learning import pretrained
from ehrgen.learning.settings import VARIED
from ehrgen.metrics.settings import EvaluateSettings
from ehrgen.variants import AblationSettings, Schemas, check_ablation, check_sections, dropped, resolve, save

PARAMS = Path("params.yaml")
FIXED: Schemas = {"cohort": CohortSettings, "sequence": SequenceSettings, "evaluate": EvaluateSettings}


def checked(content: dict[str, Any], where: str) -> tuple[CohortSettings, AblationSettings, dict[str, Any]]:
    """The patients, what is compared and every variant in full; raises ParamsError, PeopleError for what cannot run."""
    check_sections(content, [*FIXED, *VARIED, "ablation", "variants"], where)
    source.check(content.get("cohort"), where)
    for name, schema in FIXED.items():
        section(content, name, schema, where)
    effective = resolve(content, VARIED, where)
    ablation = section(content, "ablation", AblationSettings, where)
    check_ablation(ablation, effective, where)
    check_tables({name: effective[name] for name in ablation.run}, where)
    return section(content, "cohort", CohortSettings, where), ablation, effective


def main() -> None:
    cohort, ablation, effective = checked(load_yaml(PARAMS), str(PARAMS))
    save({name: effective[name] for name in ablation.run}, Path("resolved.yaml"))
    write_json({"source": cohort.source, "files": cohort.files}, Path("data/files.json"))
    pretrained.link({name: effective[name]["model"]["pretrained"] for name in ablation.run}, Path("data/pretrained"))
    for path in [*dropped(Path("reports"), ablation), *source.forgotten(cohort.files, Path("data/source"))]:
        path.unlink()
        print(f"removed {path}: no longer part of the ablation")


if __name__ == "__main__":
    run(main)
