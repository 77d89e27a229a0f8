"""Base sections and variants of params.yaml -> resolved.yaml; removes results of what no longer runs."""

from pathlib import Path
from typing import Any

from ehrgen.core.command import run
from ehrgen.core.files import write_json
from ehrgen.core.params import PARAMS, load_yaml, section
from ehrgen.data.people import check_tables
from ehrgen.data.readers import source
from ehrgen.data.settings import CohortSettings, SequenceSettings
from ehrgen.learning import pretrained
from ehrgen.learning.settings import VARIED
from ehrgen.metrics.settings import EvaluateSettings
from ehrgen.variants import AblationSettings, Schemas, check_ablation, check_sections, dropped, prune, resolve, save
from ehrgen.workflow.forecast import forecast

FIXED: Schemas = {"cohort": CohortSettings, "sequence": SequenceSettings, "evaluate": EvaluateSettings}


def checked(content: dict[str, Any], where: str) -> tuple[CohortSettings, AblationSettings, dict[str, Any]]:
    """The patients, what is compared, each variant that runs; raises ParamsError, PeopleError for what cannot run."""
    check_sections(content, [*FIXED, *VARIED, "ablation", "variants"], where)
    source.check(content.get("cohort"), where)
    for name, schema in FIXED.items():
        section(content, name, schema, where)
    effective = resolve(content, VARIED, where)
    ablation = section(content, "ablation", AblationSettings, where)
    check_ablation(ablation, effective, where)
    running = {name: effective[name] for name in ablation.run}
    check_tables(running, where)
    return section(content, "cohort", CohortSettings, where), ablation, running


def main() -> None:
    cohort, ablation, effective = checked(load_yaml(PARAMS), str(PARAMS))
    save(effective, Path("resolved.yaml"))
    write_json({"source": cohort.source, "files": cohort.files}, Path("data/files.json"))
    pretrained.link({name: of["model"]["pretrained"] for name, of in effective.items()}, Path("data/pretrained"))
    prune([*dropped(Path("reports"), ablation), *source.forgotten(cohort.files, Path("data/source"))])
    print(forecast(effective, ablation.seeds, Path("reports/manifests")))


if __name__ == "__main__":
    run(main)
