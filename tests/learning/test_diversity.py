import numpy as np
import pytest
import torch
from scipy.stats import entropy

from ehrgen.learning.objectives.expectation import observed_counts
from tests.support.sequences import learnable
from tests.support.training import batch_of, bound, by_hand, expecting, output

BATCH = batch_of(by_hand())
TRAINING = np.array([1, 2, 2]) / 5  # categories 250, 401, 486 of `by_hand`


def unigram(*shares: float) -> float:
    return bound("diversity", "unigram", by_hand())(expecting(BATCH, *shares), BATCH).item()


def rare(*shares: float) -> float:
    return bound("diversity", "rare", by_hand())(expecting(BATCH, *shares), BATCH).item()


def test_unigram_by_hand():
    """Five positions, one more at the training frequencies: KL of 1/5, 2/5, 2/5 from (0, 5, 0) / 6 + a sixth of it."""
    wanted = np.log(6) / 5 + 2 / 5 * np.log(2 / 5 * 6 / 5.4) + 2 / 5 * np.log(6)
    assert unigram(0, 1, 0) == pytest.approx(wanted)


def test_unigram_is_zero_at_the_training_frequencies_alone():
    assert unigram(*TRAINING) == pytest.approx(0, abs=1e-6)
    for shares in np.random.default_rng(0).dirichlet([1, 1, 1], size=20):
        assert unigram(*shares) > 1e-4 * np.abs(shares - TRAINING).sum()


def test_unigram_does_not_reward_noise():
    """All categories alike cost what scipy says; moving from the training frequencies towards noise costs more."""
    mixed = [unigram(*((1 - part) * TRAINING + part / 3)) for part in (0, 0.25, 0.5, 1)]
    assert mixed == sorted(mixed)
    assert mixed[-1] == pytest.approx(entropy(TRAINING, (5 / 3 + TRAINING) / 6), abs=1e-6)


def test_unigram_sees_the_mean_not_who_has_what():
    """Of `learnable`, sure of every code or the same frequencies for all: both 0, so it is no measure of fit."""
    training = learnable().of_split("train")
    batch = batch_of(training)
    counts = observed_counts(training).toarray().sum(0)
    classes = torch.from_numpy(training.vocabulary.symbol_class)[batch.target]
    sure = torch.full((len(classes), 2 + len(counts)), -1e9).scatter(1, classes[:, None], 0.0)
    blind = torch.from_numpy(np.log(np.append([1, 1], counts))).float().expand(len(classes), -1)
    objective = bound("diversity", "unigram", training)
    for class_log_prob in (sure, blind):
        assert objective(output(batch, class_log_prob=class_log_prob), batch).item() == pytest.approx(0, abs=1e-6)
    collapsed = blind.clone()
    collapsed[:, 4:] = -1e9
    assert objective(output(batch, class_log_prob=collapsed), batch).item() > 1


def test_rare_by_hand():
    """Counts 1, 2, 2: 401 and 486 are log(3/2) more common than 250."""
    assert rare(1, 0, 0) == pytest.approx(0)
    assert rare(0, 1, 0) == rare(0, 0, 1) == pytest.approx(np.log(3 / 2))
    assert rare(1 / 2, 1 / 4, 1 / 4) == pytest.approx(np.log(3 / 2) / 2)


def test_rare_rewards_collapse_onto_the_rarest():
    """What its docstring warns of, and why `unigram` is the default: 250 alone beats the training frequencies."""
    assert rare(1, 0, 0) < rare(*TRAINING)
    assert unigram(1, 0, 0) > unigram(*TRAINING)
