"""What an earlier stage wrote and something damaged since: one line that names it, or it is as it was."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehrgen.core.files import FileError, read_json
from ehrgen.data.cohort import Cohort, CohortError
from ehrgen.data.sequences import cooccurrence
from ehrgen.data.sequences.cooccurrence import CooccurrenceError
from ehrgen.data.sequences.sequences import Sequences, SequencesError
from ehrgen.data.sequences.vocabulary import BOS, EOS, FIRST_CODE, VISIT, Vocabulary, VocabularyError
from tests.support.cohorts import population

OURS = (FileError, CohortError, SequencesError, VocabularyError, CooccurrenceError)
SHARES = {"train": 0.5, "validation": 0.1, "heldout": 0.2, "heldout2": 0.2}


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a cohort, its sequences and their co-occurrence."""
    folder = tmp_path_factory.mktemp("written")
    patients = population(200, 0).with_split(SHARES, np.random.default_rng(0))
    vocabulary = Vocabulary.from_codes(patients.of_split("train").diagnoses["code"])
    sequences = Sequences.from_cohort(patients, vocabulary, 24)
    patients.save(folder / "cohort")
    sequences.save(folder / "sequences")
    cooccurrence.save(cooccurrence.count(sequences.of_split("train")), folder / "cooccurrence.npz")
    return folder


@pytest.fixture
def sequences(written: Path, tmp_path: Path) -> Path:
    """A folder of sequences to be damaged."""
    for path in (written / "sequences").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def test_what_is_whole_is_loaded(written: Path):
    loaded = Sequences.load(written / "sequences")
    assert loaded.report["codes_truncated"] > 0, "or the check of counts would be too easy"
    assert set(cooccurrence.load(written / "cooccurrence.npz", loaded.vocabulary)) == {"code", "category"}


def changed(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        np.save(folder / name, change(np.load(folder / name, allow_pickle=False).copy()))

    return damage


def at(place: int, value: float) -> Callable[[np.ndarray], np.ndarray]:
    def change(array: np.ndarray) -> np.ndarray:
        array[place] = value
        return array

    return change


def vocabulary(change: Callable[[dict[str, list]], object]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        content = json.loads((folder / "vocabulary.json").read_text())
        change(content)
        (folder / "vocabulary.json").write_text(json.dumps(content))

    return damage


def of_others(content: dict[str, list]) -> None:
    """As many codes and counts, but of other training patients."""
    content["counts"] = content["counts"][::-1]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (changed("tokens.npy", lambda tokens: tokens[:-5]), "tokens; run `dvc repro`"),
        (changed("age.npy", lambda age: age[:-1]), r"files of \[\d+, \d+\] patients"),
        (changed("age.npy", at(0, np.nan)), "1 patients without age, sex or split"),
        (changed("sex.npy", at(3, 7)), "1 patients without age, sex or split"),
        (changed("split.npy", at(3, -1)), "1 patients without age, sex or split"),
        (changed("age.npy", lambda age: age.astype("float64")), r"age.npy: an array of float64\[\d+\], not of float32"),
        (changed("offsets.npy", at(1, 0)), "offsets.npy does not divide the tokens"),
        (changed("offsets.npy", at(-1, 5)), "offsets.npy does not divide the tokens"),
        (changed("tokens.npy", at(0, FIRST_CODE)), "1 tokens cannot be where they are"),
        (changed("tokens.npy", at(1, VISIT)), "tokens cannot be where they are"),
        (changed("tokens.npy", at(1, BOS)), "tokens cannot be where they are"),
        (changed("tokens.npy", at(-1, FIRST_CODE)), "1 tokens cannot be where they are"),
        (changed("tokens.npy", at(1, EOS)), "tokens cannot be where they are"),
        (changed("tokens.npy", at(1, 10_000)), "1 tokens cannot be where they are"),
        (changed("split.npy", lambda split: split[::-1]), "vocabulary.json is not that of the training patients"),
        (vocabulary(of_others), "vocabulary.json is not that of the training patients"),
        (vocabulary(lambda content: content["codes"].reverse()), "not in order of category and code"),
        (vocabulary(lambda content: content["codes"].pop()), "as many counts as codes"),
        (vocabulary(lambda content: content["counts"].insert(0, content["counts"].pop() - 10_000)), "are 1 or more"),
        (vocabulary(lambda content: content["codes"].insert(0, content["codes"].pop() + "x")), "are ICD-9-CM codes"),
        (vocabulary(lambda content: content.pop("counts")), "expected the keys codes and counts"),
        (lambda folder: (folder / "vocabulary.json").write_text("{"), r"vocabulary.json: not valid JSON"),
        (lambda folder: (folder / "report.json").write_text("{}"), "report.json is not the one of sequences"),
        (lambda folder: (folder / "report.json").unlink(), "report.json: No such file or directory; run `dvc repro`"),
        (lambda folder: (folder / "split.npy").unlink(), "split.npy: not readable as arrays"),
        (lambda folder: (folder / "split.npy").write_bytes(b""), "split.npy: not readable as arrays"),
    ],
)
def test_damaged_sequences_are_named(sequences: Path, damage: Callable[[Path], None], message: str):
    damage(sequences)
    with pytest.raises(OURS, match=message) as error:
        Sequences.load(sequences)
    assert str(sequences) in str(error.value)


def arrays(written: Path) -> dict[str, np.ndarray]:
    with np.load(written / "cooccurrence.npz", allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("code_data", lambda data: data[:-1], "no matrix of the [0-9]+ labels of space code"),
        ("code_indices", at(0, 10_000), "no matrix of the"),
        ("code_indptr", at(0, 1), "no matrix of the"),
        ("category_data", at(0, 100_000), "counts of space category that no visits have"),
        ("category_data", at(0, 0), "counts of space category that no visits have"),
        ("code_visits_with", at(0, 100_000), "counts of space code that no visits have"),
        ("code_visits", lambda visits: visits + 1, "codes and categories are of different visits"),
        ("code_visits_with", lambda visits: visits.astype(float), "no matrix of the"),
    ],
)
def test_damaged_counts_are_named(written: Path, tmp_path: Path, name: str, change: Callable, message: str):
    stored = arrays(written)
    np.savez(tmp_path / "cooccurrence.npz", **(stored | {name: change(stored[name].copy())}))
    with pytest.raises(CooccurrenceError, match=rf"cooccurrence\.npz: {message}"):
        cooccurrence.load(tmp_path / "cooccurrence.npz", Vocabulary.load(written / "sequences/vocabulary.json"))


def test_counts_of_another_vocabulary_are_refused(written: Path, tmp_path: Path):
    own = Vocabulary.load(written / "sequences/vocabulary.json")
    for other, message in (
        (Vocabulary(own.codes, own.counts[::-1]), "counts of another vocabulary"),
        (Vocabulary(own.codes[:-1], own.counts[:-1]), "no matrix of the"),
    ):
        with pytest.raises(CooccurrenceError, match=message):
            cooccurrence.load(written / "cooccurrence.npz", other)
    stored = arrays(written)
    del stored["code_visits"]
    np.savez(tmp_path / "part.npz", **stored)
    with pytest.raises(CooccurrenceError, match="code_visits missing"):
        cooccurrence.load(tmp_path / "part.npz", own)


FILES = ["cohort/patients.parquet", "cohort/diagnoses.parquet", "cooccurrence.npz", "sequences/vocabulary.json"]
FILES += [f"sequences/{name}" for name in ("tokens.npy", "offsets.npy", "age.npy", "report.json")]


@settings(deadline=None, max_examples=60)
@given(name=st.sampled_from(FILES), place=st.floats(0, 1), junk=st.binary(max_size=8), cut=st.booleans())
def test_junk_bytes_end_in_one_line_or_in_something_whole(
    written: Path, tmp_path_factory: pytest.TempPathFactory, name: str, place: float, junk: bytes, cut: bool
):
    folder = tmp_path_factory.mktemp("damaged")
    for path in written.rglob("*.*"):
        if path.is_file():
            (folder / path.relative_to(written)).parent.mkdir(exist_ok=True)
            (folder / path.relative_to(written)).write_bytes(path.read_bytes())
    content = (folder / name).read_bytes()
    start = int(place * len(content))
    (folder / name).write_bytes(content[:start] + junk + (b"" if cut else content[start + len(junk) :]))
    try:
        Cohort.load(folder / "cohort")
        loaded = Sequences.load(folder / "sequences")
        cooccurrence.load(folder / "cooccurrence.npz", loaded.vocabulary)
    except OURS as error:
        assert str(folder) in str(error)


def test_a_missing_file_of_ours_says_what_to_do(tmp_path: Path):
    with pytest.raises(FileError, match=r"a\.json: No such file or directory; run `dvc repro`"):
        read_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_bytes(b"\xff\xfe")
    with pytest.raises(FileError, match=r"a\.json: not valid JSON \(.*\); remove it"):
        read_json(tmp_path / "a.json", "remove it")
