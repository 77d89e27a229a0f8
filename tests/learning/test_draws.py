import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from ehrgen.learning.model.class_tree import FORBIDDEN
from ehrgen.learning.model.draws import _index_at_share, draw_index


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("symbols", [1, 2, 4, 5, 17, 1000])
def test_an_index_is_drawn_in_proportion(symbols: int):
    """Every other is forbidden; the rest weigh 1, 2, 3, ... to 50, in blocks that do not come out even."""
    odds = torch.arange(symbols).div(2, rounding_mode="floor") % 50 + 1.0
    log_prob = torch.where(torch.arange(symbols) % 2 == 1, FORBIDDEN, torch.log_softmax(odds.log(), 0))
    counts = np.bincount(draw_index(log_prob.expand(20_000, -1), generator(0)), minlength=symbols)
    assert counts[1::2].sum() == 0
    observed, expected = counts[::2], odds[::2].numpy() / odds[::2].sum().item() * 20_000
    assert symbols < 3 or chisquare(observed, expected, sum_check=False).pvalue > 0.01


def test_what_is_chosen_is_where_the_running_sum_passes():
    """Cumulative 0.25, 0.25, 1: at 0 and below 0.25 the first, from there on the third, even at the very end."""
    weights = torch.tensor([[1.0, 0.0, 3.0]]).expand(5, -1)
    share = torch.tensor([0, 0.2499999, 0.25, 0.99, 1 - 2.0**-53], dtype=torch.float64)
    assert _index_at_share(weights, share).tolist() == [0, 0, 2, 2, 2]
    assert _index_at_share(torch.tensor([[0.0, 1e-30, 0.0]]), share[:1]).tolist() == [1], "small weights are weights"


def test_draws_follow_their_seed():
    log_prob = torch.zeros(50, 10)
    first, again, other = (draw_index(log_prob, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
