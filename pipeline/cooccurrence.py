"""Training sequences -> pair counts at code and at category level."""

from pathlib import Path

from ehrgen.core.command import run
from ehrgen.data.sequences.cooccurrence import count, save
from ehrgen.data.sequences.sequences import Sequences


def main() -> None:
    matrices = count(Sequences.load(Path("data/sequences")).of_split("train"))
    save(matrices, Path("data/cooccurrence.npz"))
    for space, matrix in matrices.items():
        print(f"{space}: {len(matrix.labels)} labels, {matrix.pairs.nnz} observed entries, {matrix.visits} visits")


if __name__ == "__main__":
    run(main)
