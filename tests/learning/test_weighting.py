"""Contract of every scheme, then each on a problem of two objectives whose answer is known."""

import math

import numpy as np
import pytest
import torch
from scipy.special import softmax

from ehrgen.learning.settings import LossSettings
from ehrgen.learning.training.gradients import Parameters, StepGradient
from ehrgen.learning.training.weighting import SCHEMES, Fixed, WeightingError, projected

CONFIGURED = {"lm": 1.0, "sex": 0.005}
DYNAMIC = [name for name in SCHEMES if name != "fixed"]


def after(scheme: Fixed, values: dict[str, float], norms: dict[str, float], steps: int) -> dict[str, float]:
    for _ in range(steps):
        scheme.learn(values, norms)
    return scheme.weights()


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_every_scheme_can_be_chosen():
    assert set(SCHEMES) == set(LossSettings.model_fields["weighting"].annotation.__args__)


@pytest.mark.parametrize("name", SCHEMES)
def test_starts_from_the_configured_weights(name: str):
    scheme = SCHEMES[name](CONFIGURED)
    scheme.begin({"lm": [], "sex": []})
    assert scheme.weights() == pytest.approx(CONFIGURED)


@pytest.mark.parametrize("name", SCHEMES)
def test_weights_stay_positive_and_finite(name: str):
    scheme = SCHEMES[name](CONFIGURED)
    for step, value in enumerate([8.0, 0.01, 100.0] * 300):
        values = {"lm": value, "sex": 1 / value}
        scheme.begin({"lm": [1.0, value], "sex": [value, 1.0]} if step % 300 else {"lm": [], "sex": []})
        scheme.learn(values, {"lm": 1 / value, "sex": value})
    assert all(math.isfinite(weight) and weight > 0 for weight in scheme.weights().values())


@pytest.mark.parametrize("name", SCHEMES)
def test_a_state_is_all_that_was_learned(name: str):
    scheme, other = SCHEMES[name](CONFIGURED), SCHEMES[name](CONFIGURED)
    after(scheme, {"lm": 3.0, "sex": 0.7}, {"lm": 2.0, "sex": 0.1}, 7)
    other.load(scheme.state())
    for each in (scheme, other):
        each.begin({"lm": [3.0, 2.0], "sex": [0.7, 0.6]})
        after(each, {"lm": 2.0, "sex": 0.6}, {"lm": 1.0, "sex": 0.2}, 3)
    assert other.weights() == scheme.weights()


@pytest.mark.parametrize("name", DYNAMIC)
def test_a_constant_is_refused(name: str):
    scheme = SCHEMES[name](CONFIGURED)
    with pytest.raises(
        WeightingError, match=rf"loss\.weighting {name}: no path to the shared parameters from sex \(value"
    ):
        scheme.require_paths({"lm": 5.0, "sex": 0.7}, {"lm": 1.0, "sex": 0.0})


@pytest.mark.parametrize("name", SCHEMES)
def test_what_is_solved_or_has_no_term_in_a_step_is_no_constant(name: str):
    scheme = SCHEMES[name](CONFIGURED)
    scheme.require_paths({"lm": 5.0, "sex": 0.0}, {"lm": 1.0, "sex": 0.0})
    scheme.require_paths({"lm": 5.0}, {"lm": 1.0, "sex": 0.0})
    scheme.learn({"lm": 5.0}, {"lm": 1.0, "sex": 0.0})


def test_fixed_weights_admit_a_constant():
    Fixed(CONFIGURED).require_paths({"lm": 5.0, "sex": 0.7}, {"lm": 1.0, "sex": 0.0})


def test_uncertainty_ends_where_every_objective_costs_half_a_nat():
    """Values 4 and 0.25: exp(-s) = 1/8 and 2, wherever the weights started."""
    for configured in ({"lm": 1.0, "sex": 1.0}, CONFIGURED):
        weights = after(SCHEMES["uncertainty"](configured), {"lm": 4.0, "sex": 0.25}, {}, 3000)
        assert weights == pytest.approx({"lm": 1 / 8, "sex": 2.0}, rel=1e-3)


def test_uncertainty_descends_its_own_objective():
    """One step from s = 0 against autograd on exp(-s) x value + s / 2."""
    scheme = SCHEMES["uncertainty"]({"lm": 1.0, "sex": 1.0})
    values = {"lm": 1.2, "sex": 0.1}
    s = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    (torch.exp(-s) * torch.tensor(list(values.values())) + s / 2).sum().backward()
    scheme.learn(values, {})
    assert list(scheme.state().values()) == pytest.approx((-0.025 * s.grad).tolist())


def test_gradnorm_ends_at_equal_gradients_and_keeps_the_sum():
    """Norms 4 and 1: weights 1 to 4, which add up to 2."""
    norms = {"lm": 4.0, "sex": 1.0}
    assert after(SCHEMES["gradnorm"]({"lm": 1.0, "sex": 1.0}), norms, norms, 500) == pytest.approx(
        {"lm": 0.4, "sex": 1.6}, rel=1e-3
    )
    far = after(SCHEMES["gradnorm"](CONFIGURED), norms, norms, 1000)
    assert far == pytest.approx({"lm": 1.005 / 5, "sex": 4 * 1.005 / 5}, rel=1e-3)


def test_dwa_by_hand():
    """Values 4 -> 2 and 1 -> 1: ratios 0.5 and 1, so factors 2 softmax(0.25, 0.5)."""
    scheme = SCHEMES["dwa"](CONFIGURED)
    for past in ({"lm": [4.0], "sex": [1.0]}, {"lm": [9.0, 4.0, 2.0], "sex": [9.0, 1.0, 1.0]}):
        scheme.begin(past)
    lm, sex = 2 * softmax([0.25, 0.5])
    assert scheme.weights() == pytest.approx({"lm": lm, "sex": 0.005 * sex})


@pytest.mark.parametrize(
    ("name", "message"), [("uncertainty", "a value is below 0: sex -0.1"), ("dwa", "a value is not above 0: sex -0.1")]
)
def test_values_that_cannot_be_weighed_are_refused(name: str, message: str):
    scheme = SCHEMES[name](CONFIGURED)
    with pytest.raises(WeightingError, match=rf"loss\.weighting {name}: {message}; use weighting: fixed or pcgrad"):
        scheme.begin({"lm": [1.0, 2.0], "sex": [0.5, -0.1]})
        scheme.learn({"lm": 1.0, "sex": -0.1}, {})


def test_gradients_that_agree_are_left_alone():
    rows = torch.tensor([[1.0, 2.0], [2.0, 0.0], [0.0, 0.0]])
    assert torch.equal(projected(rows, rng()), rows)


def test_opposed_gradients_lose_what_opposes():
    """(1, 0) and (-1, 1): the first becomes (1/2, 1/2), the second (0, 1)."""
    rows = torch.tensor([[1.0, 0.0], [-1.0, 1.0]])
    torch.testing.assert_close(projected(rows, rng()), torch.tensor([[0.5, 0.5], [0.0, 1.0]]))


def reference_pcgrad(rows: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Algorithm 1 of Yu et al., word for word."""
    changed = []
    for i in range(len(rows)):
        g = rows[i].copy()
        for j in generator.permutation(len(rows)):
            if j != i and g @ rows[j] < 0:
                g = g - (g @ rows[j]) / np.linalg.norm(rows[j]) ** 2 * rows[j]
        changed.append(g)
    return np.stack(changed)


def test_pcgrad_agrees_with_the_published_algorithm_and_with_its_seed():
    rows = torch.randn(4, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    ours = projected(rows, rng(5))
    np.testing.assert_allclose(ours, reference_pcgrad(rows.numpy(), rng(5)), rtol=1e-9)
    assert torch.equal(ours, projected(rows, rng(5)))
    assert any(not torch.equal(ours, projected(rows, rng(seed))) for seed in range(10))


def test_of_two_opposed_objectives_each_still_falls_after_pcgrad():
    """A step along the combined gradient lowers both, where the plain sum would raise the weaker."""
    x = torch.nn.Parameter(torch.tensor([1.0, 1.0]))
    head = torch.nn.Parameter(torch.tensor([1.0]))
    losses = {"lm": 10 * x[0] + x[1], "sex": x[1] - x[0] + head.sum()}
    weights = {"lm": 1.0, "sex": 0.5}
    step = StepGradient(Parameters([x], [head]), losses, weights, 1.0)
    own, falls = step.measure(), {}
    for name in ("fixed", "pcgrad"):
        SCHEMES[name](weights).set_gradient(step, rng())
        falls[name] = (own.on_shared @ x.grad).tolist()
        assert head.grad.tolist() == [0.5]  # the head's own parameter follows the weighted sum
        x.grad = head.grad = None
    assert falls["fixed"][1] < 0 < min(falls["pcgrad"])
