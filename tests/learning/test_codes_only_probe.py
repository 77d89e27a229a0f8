import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from ehrgen.data.sequences.sequences import Sequences
from ehrgen.learning.training.chance import labels
from ehrgen.learning.training.codes_only_probe import STRENGTH, presence, right_guesses
from tests.support.sequences import from_records, sequences_of, tiny


def halves(patients: int = 20, **people: object) -> tuple[Sequences, Sequences]:
    """Women with a delivery, men without; the first half for training."""
    records = [[["V270", "4019"]] if patient % 2 else [["1850"], ["4019", "1850"]] for patient in range(patients)]
    sequences = sequences_of(from_records(records, **people).with_split({"train": 0.5, "validation": 0.5}, rng()))
    return sequences.of_split("train"), sequences.of_split("validation")


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_presence_by_hand():
    # codes 1850, 4019, V270; categories 185, 401, V27. A code counts once, however many visits have it.
    sequences = sequences_of(from_records([[["V270", "4019"]], [["1850"], ["1850"]]]))
    assert presence(sequences).toarray().tolist() == [[0, 1, 1, 0, 1, 1], [1, 0, 0, 1, 0, 0]]


def test_codes_that_say_the_sex_are_read():
    training, people = halves(sex="MF" * 10)
    assert right_guesses(training, people, "sex").all()


def test_codes_that_say_the_wrong_sex_are_read_too():
    training, _ = halves(sex="MF" * 10)
    _, people = halves(sex="FM" * 10)
    assert not right_guesses(training, people, "sex").any()


def test_a_label_all_training_patients_share_is_the_guess():
    training, _ = halves(sex="F" * 20)
    _, people = halves(sex="MF" * 10)
    assert right_guesses(training, people, "sex").tolist() == (people.sex == 0).tolist()


@pytest.mark.parametrize("name", ["age", "sex"])
def test_as_scikit_learn_on_the_records_as_text(name: str):
    training, people = tiny().of_split("train"), tiny().of_split("validation")
    vectorizer = CountVectorizer(binary=True, token_pattern=r"\S+")
    vectorizer.fit(texts(tiny()))
    reference = LogisticRegression(C=STRENGTH, max_iter=1000)
    reference.fit(vectorizer.transform(texts(training)), labels(training, name))
    expected = reference.predict(vectorizer.transform(texts(people))) == labels(people, name)
    guessed = right_guesses(training, people, name)
    assert guessed.tolist() == expected.tolist() == right_guesses(training, people, name).tolist()
    assert 0 < guessed.mean() < 1


def texts(sequences: Sequences) -> list[str]:
    """A line of codes and categories a patient, apart in spelling."""
    codes = sequences.vocabulary.codes
    histories = [[codes[t - 4] for t in part if t >= 4] for part in np.split(sequences.tokens, sequences.offsets[1:-1])]
    return [" ".join([*history, *(f"category-{code[:3]}" for code in history)]) for history in histories]
