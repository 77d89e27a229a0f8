import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehrgen.data.icd9 import codes as icd9
from ehrgen.data.sequences.vocabulary import EOS, FIRST_CODE, FIRST_SYMBOL, SPECIAL_CLASSES, VISIT, Vocabulary
from tests.support.sequences import few

digits = st.text("0123456789", max_size=2)
code = st.one_of(
    st.builds(lambda category, rest: f"{category:03d}{rest}", st.integers(1, 20), digits),
    st.builds(lambda category, rest: f"V{category:02d}{rest}", st.integers(1, 5), digits),
    st.builds(lambda category, rest: f"E{category}{rest[:1]}", st.integers(800, 805), digits),
)
many_codes = st.lists(code, min_size=1, max_size=60).map(lambda codes: pd.Series(codes, dtype="str"))


def test_by_hand():
    vocabulary = Vocabulary.from_codes(pd.Series(["V270", "4019", "E8497", "4011", "4019", "25000"]))
    assert vocabulary.codes == ("25000", "4011", "4019", "E8497", "V270")
    assert vocabulary.counts == (1, 1, 2, 1, 1)
    assert vocabulary.categories == ("250", "401", "E849", "V27")
    assert len(vocabulary) == 4 + 5
    assert vocabulary.symbol_class.tolist() == [0, 1, 2, 3, 3, 4, 5]  # <visit>, <eos>, then the codes
    assert vocabulary.class_start.tolist() == [0, 1, 2, 3, 5, 6]
    assert vocabulary.class_size.tolist() == [1, 1, 1, 2, 1, 1]
    assert vocabulary.encode(pd.Series(["4019", "V270", "E8497"])).tolist() == [6, 8, 7]


def test_rare_codes_of_a_category_stand_together_with_the_category_itself():
    codes = pd.Series(["401", "4011", "4010", "4019", "4019", "25000", "486"])
    vocabulary = Vocabulary.from_codes(codes, min_count=2)
    assert dict(zip(vocabulary.codes, vocabulary.counts, strict=True)) == {"250": 1, "401": 3, "4019": 2, "486": 1}
    assert vocabulary.decode(vocabulary.encode(codes)).tolist() == ["401", "401", "401", "4019", "4019", "250", "486"]


def test_a_code_training_never_saw_is_its_category_or_unknown():
    vocabulary = Vocabulary.from_codes(pd.Series(["401", "4011"]))
    assert vocabulary.encode(pd.Series(["40199", "4011", "25000"])).tolist() == [FIRST_CODE, FIRST_CODE + 1, -1]


def test_nothing_to_encode():
    assert Vocabulary(("4019",), (1,)).encode(pd.Series([], dtype="str")).tolist() == []


@few
@given(many_codes)
def test_decoding_undoes_encoding(codes: pd.Series):
    vocabulary = Vocabulary.from_codes(codes)
    tokens = vocabulary.encode(codes)
    assert vocabulary.decode(tokens).tolist() == codes.tolist()
    assert tokens.min() == FIRST_CODE and tokens.max() == len(vocabulary) - 1
    assert np.bincount(tokens - FIRST_CODE).tolist() == list(vocabulary.counts)


@few
@given(many_codes, st.integers(1, 5))
def test_a_code_is_kept_exactly_if_it_is_common_enough(codes: pd.Series, min_count: int):
    vocabulary = Vocabulary.from_codes(codes, min_count)
    often = codes.map(codes.value_counts()) >= min_count
    expected = codes.where(often, pd.Series(icd9.category(codes)))
    assert vocabulary.decode(vocabulary.encode(codes)).tolist() == expected.tolist()
    assert dict(zip(vocabulary.codes, vocabulary.counts, strict=True)) == expected.value_counts().to_dict()


@few
@given(many_codes, st.integers(1, 5))
def test_a_category_is_a_run_of_symbols(codes: pd.Series, min_count: int):
    vocabulary = Vocabulary.from_codes(codes, min_count)
    categories = icd9.category(list(vocabulary.codes))
    assert vocabulary.categories == tuple(sorted(set(categories)))
    for index, category in enumerate(vocabulary.categories, start=SPECIAL_CLASSES):
        start, size = vocabulary.class_start[index], vocabulary.class_size[index]
        run = range(start + FIRST_SYMBOL - FIRST_CODE, start + FIRST_SYMBOL - FIRST_CODE + size)
        assert list(run) == np.flatnonzero(categories == category).tolist()
        assert (vocabulary.symbol_class[start : start + size] == index).all()
    assert vocabulary.class_size.sum() == len(vocabulary) - FIRST_SYMBOL


def test_marks_are_no_codes():
    with pytest.raises(ValueError, match="2 tokens are special"):
        Vocabulary(("4019",), (1,)).decode(np.array([VISIT, FIRST_CODE, EOS]))


@few
@given(many_codes)
def test_loading_gives_what_was_saved(tmp_path_factory: pytest.TempPathFactory, codes: pd.Series):
    path = tmp_path_factory.mktemp("vocabulary") / "vocabulary.json"
    vocabulary = Vocabulary.from_codes(codes)
    vocabulary.save(path)
    assert Vocabulary.load(path) == vocabulary
