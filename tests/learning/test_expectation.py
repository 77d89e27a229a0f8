from dataclasses import replace

import numpy as np
import pytest
import torch

from ehrgen.learning.model.output import categories
from ehrgen.learning.objectives.expectation import NothingToScoreError, at_codes, observed_counts
from tests.support.sequences import tiny
from tests.support.training import batch_of, by_hand, expecting, output, untrained

BATCH = batch_of(by_hand())


def test_by_hand():
    """Marks have 1/5 together; what is left is shared as before, at the five positions followed by a code."""
    expected, chosen = at_codes(expecting(BATCH, 1 / 2, 1 / 4, 1 / 4), BATCH)
    assert chosen.nonzero().squeeze(1).tolist() == [0, 1, 2, 4, 6]
    torch.testing.assert_close(expected, torch.tensor([0.5, 0.25, 0.25]).expand(5, 3))


def test_the_chance_of_a_mark_is_of_no_consequence():
    """Even when a code has almost none: in single precision its probability is 0, its share is not."""
    shares = torch.tensor([0.4, 0.2, 0.2]).log()
    values = [
        categories(torch.log_softmax(torch.cat([torch.tensor([mark, mark]), shares]), 0)[None])
        for mark in (-5.0, 0.0, 200.0)
    ]
    for value in values:
        torch.testing.assert_close(value, torch.tensor([[0.5, 0.25, 0.25]]), atol=1e-5, rtol=0)


def test_rows_sum_to_one_under_masks():
    batch = batch_of(tiny(), list(range(20)))
    expected, chosen = at_codes(untrained()(batch), batch)
    assert len(expected) == int(chosen.sum()) == int((batch.target >= 2).sum())
    torch.testing.assert_close(expected.sum(1), torch.ones(len(expected)))


def test_without_a_code_there_is_nothing_to_score():
    batch = replace(BATCH, target=torch.zeros_like(BATCH.target))
    with pytest.raises(NothingToScoreError, match="none of 8 positions"):
        at_codes(output(batch), batch)


def test_observed_counts_by_hand():
    assert observed_counts(by_hand()).toarray().tolist() == [[1, 2, 1], [0, 0, 1]]


def test_observed_counts_are_what_a_batch_is_asked_to_predict():
    sequences = tiny().of_split("train")
    batch = batch_of(sequences)
    counts = np.zeros((len(sequences), len(sequences.vocabulary.categories)))
    for patient, symbol in zip(batch.patient.tolist(), batch.target.tolist(), strict=True):
        if symbol >= 2:
            counts[patient, sequences.vocabulary.symbol_class[symbol] - 2] += 1
    np.testing.assert_array_equal(observed_counts(sequences).toarray(), counts)
