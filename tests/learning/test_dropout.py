import pytest
import torch

from ehrgen.learning.model.dropout import dropout


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_share_is_dropped_and_the_mean_stays(share: float):
    torch.manual_seed(0)
    values = torch.full((400, 1001), 3.0, requires_grad=True)
    out = dropout(values, share)
    assert out.unique().tolist() == [0, pytest.approx(3 / (1 - share), rel=1e-4)]
    error = (share * (1 - share) / values.numel()) ** 0.5
    dropped = out.detach().double()
    assert float((dropped == 0).double().mean()) == pytest.approx(share, abs=4 * error + 2**-17)
    assert float(dropped.mean()) == pytest.approx(3, abs=12 * error / (1 - share))
    out.sum().backward()
    assert torch.equal(values.grad, out.detach() / 3)


def test_neighbours_are_dropped_independently():
    """Four elements share a random number of 64 bits; so do pairs of them."""
    torch.manual_seed(1)
    gone = (dropout(torch.ones(4 * 50_000), 0.5) == 0).view(-1, 4).double()
    assert torch.corrcoef(gone.T).fill_diagonal_(0).abs().max() < 0.02


def test_seeds_and_no_share():
    masks = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        masks.append(dropout(torch.ones(7, 9), 0.3))
    first, again, other = masks
    assert torch.equal(first, again) and not torch.equal(first, other)
    values = torch.rand(3)
    assert dropout(values, 0.0) is values
