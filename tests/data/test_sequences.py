import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehrgen.data.sequences.sequences import ARRAYS, Sequences
from ehrgen.data.sequences.vocabulary import BOS, EOS, FIRST_CODE, VISIT, Vocabulary
from tests.support.cohorts import cohort, population
from tests.support.sequences import RECORDS, Record, few, from_records, sequences_of, tiny


def histories(sequences: Sequences) -> list[Record]:
    """Codes by visit by patient, read off the tokens one at a time; checks the marks on the way."""
    result = []
    for start, stop in zip(sequences.offsets[:-1], sequences.offsets[1:], strict=True):
        first, *middle, last = sequences.tokens[start:stop].tolist()
        assert first == BOS and last == EOS
        visits: list[list[str]] = [[]]
        for token in middle:
            if token == VISIT:
                visits.append([])
            else:
                visits[-1] += sequences.vocabulary.decode(np.array([token])).tolist()
        assert all(visits)
        result.append(visits)
    return result


def without_repeats(records: list[Record]) -> list[Record]:
    return [[list(dict.fromkeys(codes)) for codes in visits] for visits in records]


def as_sets(sequences: Sequences) -> list[list[set[str]]]:
    return [[set(codes) for codes in visits] for visits in histories(sequences)]


def test_by_hand():
    patients = cohort([["4019 25000", "4019"], ["486"]], sex="FM", age=[70.0, 3.5])
    sequences = sequences_of(patients)
    assert sequences.vocabulary.codes == ("25000", "4019", "486")
    assert sequences.tokens.tolist() == [BOS, 5, 4, VISIT, 5, EOS, BOS, 6, EOS]
    assert sequences.offsets.tolist() == [0, 6, 9]
    assert sequences.age.tolist() == [70, 3.5]
    assert sequences.sex.tolist() == [0, 1]


@few
@given(RECORDS)
def test_codes_by_visit_are_those_of_the_cohort(records: list[Record]):
    sequences = sequences_of(from_records(records))
    assert histories(sequences) == without_repeats(records)
    repeats = sum(len(codes) - len(set(codes)) for visits in records for codes in visits)
    assert sequences.report["codes_repeated_within_visit"] == repeats
    assert sequences.report["tokens"] == len(sequences.tokens)


def cut(visits: list[list[str]], max_tokens: int) -> list[list[str]]:
    """What of a history fits between its two end marks, visit by visit."""
    room, kept = max_tokens - 2, [visits[0][: max_tokens - 2]]
    room -= len(visits[0])
    for codes in visits[1:]:
        room -= 1 + len(codes)
        if room < 0:
            break
        kept.append(codes)
    return kept


@few
@given(RECORDS, st.integers(3, 15))
def test_long_histories_lose_their_last_visits(records: list[Record], max_tokens: int):
    sequences = sequences_of(from_records(records), max_tokens)
    whole = without_repeats(records)
    expected = [cut(visits, max_tokens) for visits in whole]
    assert histories(sequences) == expected
    assert np.diff(sequences.offsets).max() <= max_tokens
    lost = [sum(map(len, all_)) - sum(map(len, kept)) for all_, kept in zip(whole, expected, strict=True)]
    assert sequences.report["codes_truncated"] == sum(lost)
    assert sequences.report["patients_truncated"] == np.count_nonzero(lost)


@few
@given(RECORDS, RECORDS)
def test_codes_unknown_to_training_are_counted_and_left_out(training: list[Record], records: list[Record]):
    vocabulary = Vocabulary.from_codes(from_records(training).diagnoses["code"])
    patients = from_records(records)
    token = vocabulary.encode(patients.diagnoses["code"])
    if (token < 0).all():
        return
    sequences = Sequences.from_cohort(patients, vocabulary, 1000)
    report = sequences.report
    assert report["codes_unknown_to_training"] == (token < 0).sum()
    assert report["patients"] + report["patients_without_known_code"] == len(records)
    assert report["patients"] == len(sequences) == patients.diagnoses["patient_id"][token >= 0].nunique()
    kept = (sequences.tokens >= FIRST_CODE).sum()
    assert kept + report["codes_unknown_to_training"] + report["codes_repeated_within_visit"] == len(token)


def test_a_visit_of_unknown_codes_leaves_no_gap():
    vocabulary = Vocabulary(("4019", "486"), (1, 1))
    sequences = Sequences.from_cohort(cohort([["4019", "25000", "486"]]), vocabulary, 100)
    assert histories(sequences) == [[["4019"], ["486"]]]


def test_demographics_stay_with_their_patient():
    vocabulary = Vocabulary(("4019",), (1,))
    patients = cohort([["25000"], ["4019"], ["25000"], ["4019"]], sex="FMFM", age=[1.0, 2.0, 3.0, 4.0])
    sequences = Sequences.from_cohort(patients, vocabulary, 100)
    assert sequences.age.tolist() == [2, 4] and sequences.sex.tolist() == [1, 1]


def test_a_split_is_the_sequences_of_its_patients():
    shares = {"train": 0.5, "validation": 0.2, "heldout": 0.3}
    patients = population(60, 0).with_split(shares, np.random.default_rng(0))
    vocabulary = Vocabulary.from_codes(patients.diagnoses["code"])
    sequences = Sequences.from_cohort(patients, vocabulary, 40)
    for split in shares:
        part, alone = sequences.of_split(split), Sequences.from_cohort(patients.of_split(split), vocabulary, 40)
        for name in ARRAYS:
            np.testing.assert_array_equal(getattr(part, name), getattr(alone, name))
    with pytest.raises(ValueError, match="heldout2"):
        sequences.of_split("heldout2")


@few
@given(RECORDS, st.integers(0, 5))
def test_another_order_keeps_visits_and_marks(records: list[Record], seed: int):
    sequences = sequences_of(from_records(records))
    for ordered in (sequences.shuffled(np.random.default_rng(seed)), sequences.by_frequency()):
        assert as_sets(ordered) == as_sets(sequences)
        marks = sequences.tokens < FIRST_CODE
        np.testing.assert_array_equal(ordered.tokens[marks], sequences.tokens[marks])
        np.testing.assert_array_equal(np.sort(ordered.tokens), np.sort(sequences.tokens))


def test_by_frequency_is_from_commonest_to_rarest_ties_as_they_were():
    sequences = sequences_of(cohort([["486 25000 4019", "486 4019"], ["25000 4019 486"]])).by_frequency()
    assert histories(sequences) == [[["486", "4019", "25000"], ["486", "4019"]], [["4019", "486", "25000"]]]


def test_shuffling_follows_its_seed():
    first, again, other = (tiny().shuffled(np.random.default_rng(seed)).tokens for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_shuffling_gives_every_order_equally_often():
    sequences = sequences_of(cohort([["4019 25000 486"]]))
    rng = np.random.default_rng(0)
    orders = [tuple(histories(sequences.shuffled(rng))[0][0]) for _ in range(600)]
    counts = np.unique(np.array(orders), axis=0, return_counts=True)[1]
    assert len(counts) == 6 and counts.min() > 70  # 100 expected, standard deviation 9


def test_loading_gives_what_was_saved_mapped_into_memory(tmp_path):
    patients = population(160, 0).with_split({"train": 0.8, "validation": 0.2}, np.random.default_rng(0))
    vocabulary = Vocabulary.from_codes(patients.of_split("train").diagnoses["code"])
    saved = Sequences.from_cohort(patients, vocabulary, max_tokens=64)
    saved.save(tmp_path / "sequences")
    loaded = Sequences.load(tmp_path / "sequences")
    assert loaded.vocabulary == saved.vocabulary and loaded.report == saved.report
    for name in ARRAYS:
        assert isinstance(getattr(loaded, name), np.memmap)
        assert getattr(loaded, name).dtype == getattr(saved, name).dtype
        np.testing.assert_array_equal(getattr(loaded, name), getattr(saved, name))
    np.testing.assert_array_equal(loaded.of_split("train").tokens, saved.of_split("train").tokens)
    assert as_sets(loaded.by_frequency()) == as_sets(saved)
