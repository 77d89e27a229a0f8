import numpy as np
import pytest
import torch
from scipy.stats import entropy
from sklearn.metrics import mutual_info_score

from ehrgen.data.cohort import age_bracket
from ehrgen.learning.objectives import matching
from ehrgen.learning.objectives.expectation import UnknownLabelError, observed_counts
from tests.support.cohorts import cohort
from tests.support.sequences import learnable, sequences_of
from tests.support.training import batch_of, bound, by_hand, expecting, output

BATCH = batch_of(by_hand())
RNG = np.random.default_rng(0)


def divergence(expected: np.ndarray, positions: int, training: np.ndarray) -> float:
    expected, training = torch.from_numpy(expected)[None], torch.from_numpy(training)[None]
    return matching.divergence(expected, torch.tensor([positions]), training).item()


def test_by_bracket_by_hand():
    frequencies = matching.by_bracket(observed_counts(by_hand()), age_bracket(by_hand().age))
    wanted = np.zeros((6, 3), dtype=np.float32)
    wanted[5], wanted[0] = [1 / 4, 1 / 2, 1 / 4], [0, 0, 1]
    np.testing.assert_array_equal(frequencies, wanted)


def test_by_hand():
    """The woman's bracket is expected as in training, at 4 of 5 positions; the child's is expected the same.

    Of its one position and one more at the training frequencies 486 has (1/4 + 1) / 2 = 5/8 where training has 1.
    """
    value = bound("age_matching", sequences=by_hand())(expecting(BATCH, 1 / 4, 1 / 2, 1 / 4), BATCH).item()
    assert value == pytest.approx(np.log(8 / 5) / 5)


def test_zero_where_each_bracket_has_its_frequencies():
    old = torch.tensor([0.1, 0.1, 0.2, 0.4, 0.2]).expand(6, 5)
    young = torch.tensor([0.1, 0.1, 0.0, 0.0, 0.8]).expand(2, 5)
    out = output(BATCH, class_log_prob=torch.cat([old, young]).clamp(min=1e-30).log())
    assert bound("age_matching", sequences=by_hand())(out, BATCH).item() == pytest.approx(0, abs=1e-6)


def test_blind_to_age_costs_the_mutual_information():
    """Each category's overall share in every bracket: for all training patients the information of code on age."""
    training = learnable().of_split("train")
    batch = batch_of(training)
    counts = observed_counts(training).toarray()
    overall = torch.from_numpy(counts.sum(0) / counts.sum()).float()
    out = output(batch, class_log_prob=torch.cat([torch.ones(2), overall]).log().expand(len(batch.target), -1))
    value = bound("age_matching", sequences=training)(out, batch).item()
    table = np.array([counts[age_bracket(training.age) == bracket].sum(0) for bracket in range(6)])
    information = mutual_info_score(None, None, contingency=table[table.sum(1) > 0])
    assert information > 0.5
    assert value == pytest.approx(information, rel=0.05)  # one more position at the training frequencies lowers it


@pytest.mark.parametrize("positions", [1, 7, 10**9])
def test_divergence_is_that_of_scipy(positions: int):
    training, expected = RNG.dirichlet(np.ones(20)), RNG.dirichlet(np.ones(20))
    wanted = entropy(training, (positions * expected + training) / (positions + 1))
    assert divergence(expected, positions, training) == pytest.approx(wanted)
    assert divergence(training, positions, training) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("positions", [1, 10, 1000])
def test_a_category_that_cannot_come_costs_at_most_what_the_positions_say(positions: int):
    one, other = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    assert divergence(one, positions, other) == pytest.approx(np.log(positions + 1))


def test_count_noise_is_what_the_docstring_says():
    """Positions of a right model that is sure of each code: about (C - 1) / (2n) nats, though nothing is wrong."""
    training, positions = RNG.dirichlet(np.full(30, 5.0)), 1000
    draws = RNG.multinomial(positions, training, size=300) / positions
    noise = np.mean([divergence(draw, positions, training) for draw in draws])
    assert noise == pytest.approx(29 / (2 * positions), rel=0.15)


def test_no_gradient_is_lost_where_nothing_can_come():
    expected = torch.tensor([[0.5, 0.5, 0.0]], dtype=torch.float64, requires_grad=True)
    training = torch.tensor([[0.2, 0.8, 0.0]], dtype=torch.float64)
    matching.divergence(expected, torch.tensor([3]), training).sum().backward()
    assert expected.grad.isfinite().all() and expected.grad[0, 2] == 0


def test_a_bracket_without_training_patients_is_an_error():
    batch = batch_of(sequences_of(cohort([["4019 486 25000"], ["4010"]], age=[70.0, 15.0])))
    with pytest.raises(UnknownLabelError, match="patients of age 12-18, the training split has none"):
        bound("age_matching", sequences=by_hand())(output(batch), batch)
