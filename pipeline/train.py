"""One variant, one seed -> a model folder, the history of its objectives, and a manifest of the run."""

from pathlib import Path

from ehrgen.data import cooccurrence
from ehrgen.data.sequences import Sequences
from ehrgen.learning import launcher, machine, store
from ehrgen.learning.settings import Recipe
from ehrgen.params import load_yaml
from pipeline.command import cell, run

SEQUENCES, COOCCURRENCE = Path("data/sequences"), Path("data/cooccurrence.npz")
CODE = (Path("ehrgen/data"), Path("ehrgen/learning"), Path("pipeline/train.py"))


def main() -> None:
    variant, seed = cell()
    recipe = Recipe.from_resolved(load_yaml(Path("resolved.yaml")), variant, seed)
    key = store.key(recipe, inputs=(SEQUENCES, COOCCURRENCE), code=CODE)
    sequences = Sequences.load(SEQUENCES)
    matrices = cooccurrence.load(COOCCURRENCE, sequences.vocabulary)
    trained = store.trained(key, recipe, sequences, matrices, machine.for_recipe(recipe))
    trained.publish(
        model=Path("models") / variant / str(seed),
        history=Path("reports/history") / variant / f"{seed}.csv",
        manifest=Path("reports/manifests") / variant / f"{seed}.json",
    )


if __name__ == "__main__":
    run(launcher.each("pipeline.train", main))
