"""A patient of 500 codes in 40 visits among ordinary ones: nothing fails, and nobody else's work grows."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from torch.utils.flop_counter import FlopCounterMode

from ehrgen.data.cohort import Cohort
from ehrgen.data.sequences import cooccurrence
from ehrgen.data.sequences.sequences import Sequences
from ehrgen.data.sequences.vocabulary import Vocabulary
from ehrgen.learning.sampling.likelihoods import log_likelihood
from ehrgen.learning.training.checkpoint import Checkpoint
from ehrgen.learning.training.loop import Learner, train
from tests.support.cohorts import CODES, population
from tests.support.training import batch_of, here, recipe, sampling

VISITS, IN_ALL = 40, 500


@cache
def sequences(long: bool = True, room: int = 600) -> Sequences:
    """160 patients of a known process, the last with the long history or without; all but 40 train."""
    plain = population(160, 0)
    rows = plain.diagnoses.astype({"code": str})
    if long:
        place = np.arange(IN_ALL)
        owner = {"patient_id": len(plain) - 1, "visit": place % VISITS, "position": place // VISITS}
        history = pd.DataFrame({**owner, "code": CODES[place % len(CODES)]})
        rows = pd.concat([rows[rows["patient_id"] < len(plain) - 1], history], ignore_index=True)
    split = np.where(np.arange(len(plain)) < 40, "validation", "train")
    cohort = Cohort.from_rows(plain.patients.assign(split=split), rows)
    return Sequences.from_cohort(cohort, Vocabulary.from_codes(pd.Series(CODES)), room)


@pytest.mark.slow
def test_it_trains_and_is_scored(tmp_path: Path):
    patients = sequences()
    assert np.diff(patients.offsets).max() == IN_ALL + VISITS + 1 and not patients.report["patients_truncated"]
    counts = cooccurrence.count(patients.of_split("train"))
    model, rows = train(recipe(epochs=1), patients, counts, here(), Checkpoint(tmp_path / "checkpoint"))
    assert rows and all(np.isfinite(row.value) for row in rows)
    nats = log_likelihood(model, patients, sampling(), here())
    assert np.isfinite(nats).all() and nats.argmin() == np.diff(patients.offsets).argmax()


@pytest.mark.slow
def test_a_step_with_it_costs_what_both_cost_apart():
    patients = sequences()
    own = Learner(recipe(), patients, cooccurrence.count(patients.of_split("train")), here())
    longest = int(np.diff(patients.offsets).argmax())
    others = [row for row in range(len(patients)) if row != longest]

    def work(rows: list[int]) -> int:
        with FlopCounterMode(display=False) as counter:
            own.model(batch_of(patients, rows))
        return counter.get_total_flops()

    together, apart = work([*others, longest]), work(others) + work([longest])
    assert apart > 0 and together == pytest.approx(apart, rel=0.01)


def test_where_there_is_no_room_it_is_cut_and_everybody_else_stays():
    cut, plain = sequences(room=192), sequences(long=False, room=192)
    assert cut.report["patients_truncated"] == 1 and IN_ALL - 192 < cut.report["codes_truncated"] < IN_ALL - 150
    assert np.diff(cut.offsets).max() <= 192
    others = plain.offsets[-2]  # it is the last one
    assert (cut.tokens[:others] == plain.tokens[:others]).all()
