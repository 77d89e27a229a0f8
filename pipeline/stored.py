"""Of the trainings named, variant and seed by turns, those that are in the store, one a line. Not a stage."""

import sys
from pathlib import Path

from ehrgen.core.command import run
from ehrgen.core.params import load_yaml
from ehrgen.learning.settings import Recipe
from ehrgen.learning.training import store
from pipeline.train import CODE, COOCCURRENCE, SEQUENCES


def main() -> None:
    resolved, names = load_yaml(Path("resolved.yaml")), sys.argv[1:]
    known: set[str] = set()
    for variant, seed in zip(names[::2], names[1::2], strict=True):
        recipe = Recipe.from_resolved(resolved, variant, int(seed))
        key = store.key(recipe, inputs=(SEQUENCES, COOCCURRENCE), code=CODE)
        if key in known or store.finished(key):  # the same training as one named before it is made once
            print(variant, seed)
        known.add(key)


if __name__ == "__main__":
    run(main)
