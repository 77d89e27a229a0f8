"""Cohort -> vocabulary of the training split and token sequences of every patient."""

from pathlib import Path

from ehrgen.core.command import run
from ehrgen.core.params import load_yaml, section
from ehrgen.data.cohort import Cohort
from ehrgen.data.disclosure import shown
from ehrgen.data.sequences.sequences import Sequences
from ehrgen.data.sequences.vocabulary import Vocabulary
from ehrgen.data.settings import SequenceSettings


def main() -> None:
    settings = section(load_yaml(Path("params.yaml")), "sequence", SequenceSettings, "params.yaml")
    cohort = Cohort.load(Path("data/cohort"))
    vocabulary = Vocabulary.from_codes(cohort.of_split("train").diagnoses["code"], settings.min_count)
    sequences = Sequences.from_cohort(cohort, vocabulary, settings.max_tokens)
    sequences.save(Path("data/sequences"))
    print(f"{len(vocabulary.codes)} codes in {len(vocabulary.categories)} categories")
    for what, count in sequences.report.items():
        print(f"{what.replace('_', ' ')}: {shown(count)}")


if __name__ == "__main__":
    run(main)
