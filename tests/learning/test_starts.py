"""Where the direct output starts, by hand on a few visits."""

import numpy as np
import pytest

from ehrgen.data.sequences.sequences import Sequences
from ehrgen.data.sequences.vocabulary import SPECIAL_CLASSES
from ehrgen.learning.model.context import FOLDS
from ehrgen.learning.training import starts
from ehrgen.learning.training.starts import Counts, Presence
from tests.support.sequences import from_records, sequences_of, tiny
from tests.support.training import untrained


def repeated(*patients: list[list[str]], times: int = 40) -> Sequences:
    return sequences_of(from_records([*patients] * times))


def of(sequences: Sequences, code: str) -> tuple[int, int]:
    """Symbol and class of a code."""
    symbol = SPECIAL_CLASSES + sequences.vocabulary.codes.index(code)
    return symbol, int(sequences.vocabulary.symbol_class[symbol])


def test_what_visits_hold_what_the_last_one_held_and_what_only_earlier_ones_did():
    visit, patient = np.array([0, 0, 1, 2, 2, 3]), np.array([0, 0, 0, 0, 0, 1])
    found = Presence.of(visit, patient, np.array([1, 2, 2, 1, 3, 1]), 10)
    assert found.now.tolist() == [1, 2, 12, 21, 23, 31]
    assert found.last.tolist() == [11, 12, 22]
    assert found.earlier.tolist() == [21]  # 2 too was in the first visit, but in the second as well
    assert found.visits == 4


def test_a_category_that_never_comes_twice_in_a_visit_starts_far_below_one_that_does():
    sequences = repeated([["4010", "486", "25000", "27800"]], [["4019", "7840", "7841", "7842"]])
    held = starts.held(Counts.of(sequences))
    (_, never), (_, often) = of(sequences, "4010"), of(sequences, "7840")
    assert held[never] < -1 and held[often] > 0.5
    assert (held[:SPECIAL_CLASSES] == 0).all()


def test_what_always_comes_back_starts_far_above_what_never_does():
    sequences = repeated(
        [["4280", "486"], ["4280", "5990"]], [["5990", "4281"], ["7840", "4281"]], [["7840"]], [["486"]]
    )
    counts = Counts.of(sequences)
    of_classes, of_symbols = starts.class_history(counts), starts.symbol_history(counts)
    (_, chronic), (_, passing) = of(sequences, "4280"), of(sequences, "5990")
    assert of_classes[0, chronic] > 1 > -1 > of_classes[0, passing]
    (one, _), (other, _) = of(sequences, "4280"), of(sequences, "4281")
    assert of_symbols[0, [one, other]].min() > 2  # of two siblings the one that was there comes again
    assert (
        of_symbols[0, SPECIAL_CLASSES:][[code in ("486", "5990", "7840") for code in sequences.vocabulary.codes]] == 0
    ).all()
    assert (of_classes[1] == 0).all() and (of_symbols[1] == 0).all()  # nobody has a third visit


def test_single_visits_leave_the_history_at_nothing():
    counts = Counts.of(repeated([["4019", "486"]], [["486"]]))
    assert not starts.class_history(counts).any() and not starts.symbol_history(counts).any()


@pytest.mark.slow
def test_each_fold_is_left_out_of_its_own_start():
    model, training = untrained(), tiny().of_split("train")
    assert model.direct is not None
    starts.begin(model.direct, training)
    for table in (model.direct.held, model.direct.class_history, model.direct.symbol_history):
        assert table is not None
        assert np.isfinite(table.start.numpy()).all()
        assert len({tuple(row) for row in table.start.tolist()}) == FOLDS + 1
    whole = starts.held(Counts.of(training))
    assert model.direct.held is not None
    assert model.direct.held.start[FOLDS].tolist() == pytest.approx(whole.tolist(), rel=1e-5)


def test_visits_end_where_those_of_training_did():
    """Of 80 visits 40 end after one code and 40 after three, none after two; half of the patients come once."""
    sequences = repeated([["4019"], ["486", "25000", "4280"]], [["4019"]], [["486", "25000", "4280"]], times=20)
    counts = Counts.of(sequences)
    (of_codes, of_later), of_visits = starts.visit_ends(counts), starts.history_ends(counts)
    assert of_later[1] < -1 < 1 < of_later[3]
    assert of_codes[0] < of_codes[1] > of_codes[2] and of_codes[2] < -1
    assert of_codes[3] > 1  # whoever has three codes has no more
    assert of_visits[0] < of_visits[1]
    assert np.isfinite(of_codes).all() and np.isfinite(of_visits).all()


def test_what_never_comes_in_a_sex_hardly_ever_does_and_all_else_is_left_alone():
    """V270 and V502, of women and of men alone; 4019 and 486 of both; 65981 of one woman."""
    women = [[["V270", "4019"]], [["V270", "486"]]] * 20 + [[["65981"]]]
    men = [[["V502", "4019"]], [["V502", "486"]]] * 20
    sequences = sequences_of(from_records(women + men))
    sex = np.array([0] * len(women) + [1] * len(men))
    of_class, of_symbol = starts.demographics(Counts.of(sequences), sex, 2, 0.3)
    whole = of_class[:, sequences.vocabulary.symbol_class] + of_symbol

    def number(code: str) -> list[float]:
        return whole[:, of(sequences, code)[0]].tolist()

    for code, (woman, man) in {"V270": (0, -3), "V502": (-3, 0)}.items():
        assert number(code)[0] <= woman and number(code)[1] <= man and 0 in number(code)
    assert number("4019") == number("486") == [0, 0]
    assert not whole[:, :SPECIAL_CLASSES].any()
