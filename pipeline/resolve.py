"""Base sections and variants of params.yaml -> resolved.yaml; removes results of what no longer runs."""

from pathlib import Path

from ehrgen.core.command import run
from ehrgen.core.params import load_yaml, section
from ehrgen.data.settings import CohortSettings, SequenceSettings
from ehrgen.learning.settings import LossSettings, ModelSettings, SamplingSettings, TrainSettings
from ehrgen.metrics.settings import EvaluateSettings
from ehrgen.variants import AblationSettings, check_ablation, check_sections, dropped, resolve, save

PARAMS, RESOLVED = Path("params.yaml"), Path("resolved.yaml")
RESULTS = [Path("reports") / name for name in ("runs", "history", "manifests", "portraits")]
FIXED = {"cohort": CohortSettings, "sequence": SequenceSettings, "evaluate": EvaluateSettings}
VARIED = {"model": ModelSettings, "loss": LossSettings, "train": TrainSettings, "sampling": SamplingSettings}


def main() -> None:
    content, where = load_yaml(PARAMS), str(PARAMS)
    check_sections(content, [*FIXED, *VARIED, "ablation", "variants"], where)
    for name, schema in FIXED.items():
        section(content, name, schema, where)
    effective = resolve(content, VARIED, where)
    ablation = section(content, "ablation", AblationSettings, where)
    check_ablation(ablation, effective, where)
    save({name: effective[name] for name in ablation.run}, RESOLVED)
    for path in [stale for folder in RESULTS for stale in dropped(folder, ablation)]:
        path.unlink()
        print(f"removed {path}: no longer part of the ablation")


if __name__ == "__main__":
    run(main)
