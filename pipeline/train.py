"""One variant, one seed -> a model folder, the history of its objectives, and a manifest of the run."""

from pathlib import Path

from ehrgen.core.command import cell, run
from ehrgen.core.params import load_yaml
from ehrgen.data.sequences import cooccurrence
from ehrgen.data.sequences.sequences import Sequences
from ehrgen.learning.machine import launcher
from ehrgen.learning.machine.device import machine_for
from ehrgen.learning.settings import Recipe
from ehrgen.learning.training import store

SEQUENCES, COOCCURRENCE = Path("data/sequences"), Path("data/cooccurrence.npz")
LEARNING = ("batches.py", "machine", "model", "objectives", "pretrained.py", "settings.py", "training")
CODE = (  # as in dvc.yaml; tests/test_architecture.py compares
    *map(Path, ("pipeline/train.py", "ehrgen/core", "ehrgen/leakage.py")),
    *(Path("ehrgen/data") / name for name in ("cohort.py", "icd9", "indicator.py", "sequences")),
    *(Path("ehrgen/learning") / name for name in LEARNING),
)


def recipe_and_key(variant: str, seed: int) -> tuple[Recipe, str]:
    """What is to be trained, as parameters, data and code stand now."""
    recipe = Recipe.from_resolved(load_yaml(Path("resolved.yaml")), variant, seed)
    return recipe, store.key(recipe, inputs=(SEQUENCES, COOCCURRENCE), code=CODE)


def main() -> None:
    variant, seed = cell()
    recipe, key = recipe_and_key(variant, seed)
    sequences = Sequences.load(SEQUENCES)
    matrices = cooccurrence.load(COOCCURRENCE, sequences.vocabulary)
    stored = store.train_once(key, recipe, sequences, matrices, machine_for(recipe))
    stored.publish(
        recipe_and_key(variant, seed)[1],
        model=Path("models") / variant / str(seed),
        history=Path("reports/history") / variant / f"{seed}.csv",
        manifest=Path("reports/manifests") / variant / f"{seed}.json",
    )


if __name__ == "__main__":
    run(launcher.each("pipeline.train", main))
