import dataclasses
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ehrgen.data.sequences.vocabulary import BOS, EOS, FIRST_CODE, FIRST_SYMBOL, PAD, VISIT
from ehrgen.learning.batches import Batch, already_in_visit, batches, collate, plan, similar
from tests.support.cohorts import cohort
from tests.support.sequences import RECORDS, Record, few, from_records, sequences_of, tiny
from tests.support.training import batch_of, used_by_hand

BY_HAND = cohort([["4019 25000", "486"], ["486"]], sex="MF", age=[70.0, 1.5])  # tokens 25000: 4, 4019: 5, 486: 6
lengths = st.lists(st.integers(1, 60), min_size=1, max_size=80).map(np.array)


def test_by_hand():
    batch = batch_of(sequences_of(BY_HAND))
    assert batch.inputs.tolist() == [[BOS, 5, 4, VISIT, 6], [BOS, 6, PAD, PAD, PAD]]
    assert batch.real.sum(dim=1).tolist() == [5, 2]
    assert batch.target.tolist() == [3, 2, 0, 4, 1, 4, 1]  # 4019 25000 <visit> 486 <eos>, 486 <eos>
    assert batch.patient.tolist() == [0, 0, 0, 0, 0, 1, 1]
    assert batch.reads_code.tolist() == [False, True, True, False, True, False, True]
    assert batch.opens_visit.tolist() == [True, False, False, True, False, True, False]
    assert batch.used_at.tolist() == [1, 2, 2, 4, 6]
    assert batch.used_symbol.tolist() == [3, 3, 2, 4, 4]
    assert batch.age.tolist() == [70, 1.5] and batch.bracket.tolist() == [5, 0] and batch.sex.tolist() == [1, 0]
    assert batch.encoder.tolist() == [[BOS], [BOS]]


@given(lengths, st.integers(1, 300), st.none() | st.integers(0, 9))
def test_plan_holds_every_row_once_and_the_budget(lengths: np.ndarray, budget: int, seed: int | None):
    steps = plan(lengths, budget, None if seed is None else np.random.default_rng(seed))
    rows = np.concatenate(steps)
    assert sorted(rows.tolist()) == list(range(len(lengths)))
    assert len(steps) == len(plan(lengths, budget, None))
    if lengths.max() <= budget:
        assert abs(len(steps) - lengths.sum() / budget) <= 1
    assert all(map(len, steps))
    for step in steps:  # an even share of all tokens, but for the patient that crosses the boundary
        assert lengths[step].sum() <= lengths.sum() / len(steps) + lengths.max()


@given(lengths)
def test_groups_hold_everybody_once_with_little_padding(lengths: np.ndarray):
    groups = similar(lengths)
    assert sorted(np.concatenate(groups).tolist()) == list(range(len(lengths)))
    for group in groups:
        assert lengths[group].max() <= 2 * lengths[group].min() + 4


def test_a_step_mixes_all_lengths():
    sizes = np.repeat([2, 30], 500)
    shares = [(sizes[step] == 2).sum() for step in plan(sizes, 320, np.random.default_rng(0))]
    assert len(shares) == 50 and min(shares) >= 1  # 10 of 20 expected


def test_plan_follows_its_seed():
    sizes = np.random.default_rng(0).integers(2, 20, 300)
    first, again, other = (plan(sizes, 100, np.random.default_rng(seed)) for seed in (1, 1, 2))
    as_lists = [[step.tolist() for step in steps] for steps in (first, again, other)]
    assert as_lists[0] == as_lists[1] != as_lists[2]


@pytest.mark.parametrize("encoder_input", ["prompt", "corrupted", "record"])
def test_an_epoch_sees_every_patient_once(encoder_input: str):
    sequences = tiny()
    steps = batches(sequences, 200, encoder_input, 0.5, np.random.default_rng(0))
    seen = [inputs[real].tolist() for one in steps for inputs, real in zip(one.inputs, one.real, strict=True)]
    assert sorted(seen) == sorted(
        sequences.tokens[a : b - 1].tolist() for a, b in itertools.pairwise(sequences.offsets)
    )


def test_weights_make_tokens_count_equally():
    """Summed over an epoch, weight x mean of a step is proportional to the sum over its positions."""
    steps = list(batches(tiny(), 200, rng=np.random.default_rng(0)))
    assert np.mean([step.weight for step in steps]) == pytest.approx(1)
    assert all(step.weight == pytest.approx(1, abs=0.3) for step in steps)
    weighted = sum(step.weight * float(step.target.double().mean()) for step in steps) / len(steps)
    assert weighted == pytest.approx(float(torch.cat([step.target for step in steps]).double().mean()))


@few
@given(RECORDS)
def test_targets_are_the_inputs_one_later(records: list[Record]):
    sequences = sequences_of(from_records(records))
    batch = batch_of(sequences)
    follow = np.delete(sequences.tokens, sequences.offsets[:-1])
    assert (batch.target + FIRST_SYMBOL).tolist() == follow.tolist()
    assert batch.inputs[batch.real].tolist() == np.delete(sequences.tokens, sequences.offsets[1:] - 1).tolist()
    assert (batch.inputs[~batch.real] == PAD).all()
    forbidden = set(zip(batch.used_at.tolist(), batch.used_symbol.tolist(), strict=True))
    assert not forbidden & set(enumerate(batch.target.tolist()))
    assert not (batch.opens_visit & (batch.target < FIRST_CODE - FIRST_SYMBOL)).any()


history = st.lists(st.one_of(st.just(VISIT), st.integers(FIRST_CODE, 9)), max_size=20)


@given(st.lists(history, min_size=1, max_size=4))
def test_codes_already_in_the_visit_are_those_of_two_loops(histories: list[list[int]]):
    inputs = [token for tokens in histories for token in (BOS, *tokens)]
    at, symbol = already_in_visit(np.array(inputs))
    assert list(zip(at.tolist(), symbol.tolist(), strict=True)) == used_by_hand(inputs)


def test_encoder_sees_the_record_or_part_of_it():
    sequences = tiny()
    rows = np.arange(40)
    see = {
        share: collate(sequences, rows, "corrupted", share, np.random.default_rng(1)).encoder
        for share in (0.0, 0.5, 1.0)
    }
    record = collate(sequences, rows, "record", 0.0, None).encoder
    assert torch.equal(see[0.0], record)
    assert not (see[1.0] >= FIRST_CODE).any()
    assert (see[0.5] >= FIRST_CODE).sum() / (record >= FIRST_CODE).sum() == pytest.approx(0.5, abs=0.05)
    for part, whole in zip(see[0.5].tolist(), record.tolist(), strict=True):
        part, left = [token for token in part if token != PAD], iter(whole)
        assert all(token in left for token in part)  # a subsequence
        assert [t for t in part if t < FIRST_CODE] == [t for t in whole if t < FIRST_CODE and t != PAD]
        assert part[0] == BOS and part[-1] == EOS


def test_a_corrupted_record_needs_randomness_and_follows_it():
    with pytest.raises(ValueError, match="random generator"):
        collate(tiny(), np.arange(3), "corrupted", 0.5, None)
    first, again, other = (
        collate(tiny(), np.arange(9), "corrupted", 0.5, np.random.default_rng(seed)).encoder for seed in (1, 1, 2)
    )
    assert torch.equal(first, again) and first.tolist() != other.tolist()


def test_moving_keeps_everything():
    batch = batch_of(sequences_of(BY_HAND))
    moved = batch.to(torch.device("cpu"))
    for field in dataclasses.fields(Batch):
        value, after = getattr(batch, field.name), getattr(moved, field.name)
        assert after == value if field.name == "weight" else torch.equal(after, value)
