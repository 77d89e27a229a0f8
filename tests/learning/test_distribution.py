"""Contract of every output distribution in the table, then each one's probabilities by hand."""

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor, nn

from ehrgen.data.sequences.vocabulary import SPECIAL_CLASSES
from ehrgen.learning.model.class_tree import Forbidden
from ehrgen.learning.model.distribution import DISTRIBUTIONS
from ehrgen.learning.model.prompt_bart import forbidden
from tests.support.cohorts import cohort
from tests.support.sequences import sequences_of
from tests.support.training import batch_of

# Category 401 has three codes, V27 two, 250 and 486 one; the first visit uses up 401 and 250.
SEQUENCES = sequences_of(cohort([["4010 4019 25000 4011 V270", "4011"], ["486 4019", "V271 486", "25000"]]))
VOCABULARY, BATCH = SEQUENCES.vocabulary, batch_of(SEQUENCES)
CLASS = torch.from_numpy(VOCABULARY.symbol_class)
POSITIONS = len(BATCH.target)
NOTHING = torch.zeros(0, dtype=torch.long)
RULES = {
    "nothing": Forbidden(NOTHING, NOTHING, torch.zeros(POSITIONS, dtype=torch.bool)),
    "empty visits": forbidden(BATCH, forbid_used=False),
    "empty visits and repeats": forbidden(BATCH, forbid_used=True),
}

each = pytest.mark.parametrize("name", DISTRIBUTIONS)
ruled = pytest.mark.parametrize("rules", RULES.values(), ids=RULES)


def made(name: str) -> nn.Module:
    torch.manual_seed(0)
    distribution = DISTRIBUTIONS[name](VOCABULARY, 8)
    for parameter in distribution.parameters():
        nn.init.normal_(parameter)
    return distribution


def states() -> Tensor:
    return torch.randn(POSITIONS, 8, generator=torch.Generator().manual_seed(1)).requires_grad_()


def barred(rules: Forbidden) -> Tensor:
    """[positions, symbols]: what `rules` forbids, spelled out."""
    table = torch.zeros(POSITIONS, len(CLASS), dtype=torch.bool)
    table[rules.opens_visit, :SPECIAL_CLASSES] = True
    table[rules.at, rules.symbol] = True
    return table


@each
@ruled
def test_what_is_allowed_sums_to_one_and_what_is_forbidden_is_impossible(name: str, rules: Forbidden):
    probability = made(name).symbols(states(), rules).exp()
    assert probability.sum(dim=1).tolist() == pytest.approx([1] * POSITIONS, abs=1e-5)
    assert (probability[barred(rules)] == 0).all()
    assert (probability[~barred(rules)] > 0).all()


@each
@ruled
def test_the_target_has_the_probability_of_its_symbol(name: str, rules: Forbidden):
    distribution = made(name)
    of_target, _ = distribution.target(states(), BATCH.target, rules)
    of_symbols = distribution.symbols(states(), rules)[torch.arange(POSITIONS), BATCH.target]
    assert of_target.tolist() == pytest.approx(of_symbols.tolist(), abs=1e-5)


@each
@ruled
def test_a_class_has_the_probability_of_its_symbols(name: str, rules: Forbidden):
    distribution = made(name)
    _, of_class = distribution.target(states(), BATCH.target, rules)
    symbols = distribution.symbols(states(), rules)
    together = [torch.logsumexp(symbols[:, k == CLASS], dim=1).exp() for k in range(of_class.shape[1])]
    torch.testing.assert_close(of_class.exp(), torch.stack(together, dim=1))


@each
@ruled
def test_gradients_are_finite_and_the_same_from_target_and_from_symbols(name: str, rules: Forbidden):
    distribution, inputs = made(name), states()
    wanted = [inputs, *distribution.parameters()]
    of_target, of_class = distribution.target(inputs, BATCH.target, rules)
    of_symbols = distribution.symbols(inputs, rules)[torch.arange(POSITIONS), BATCH.target]
    gradients = [torch.autograd.grad(value.sum(), wanted, retain_graph=True) for value in (of_target, of_symbols)]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    reached = torch.autograd.grad((of_class.exp() * of_class.clamp(min=-50)).sum(), wanted, allow_unused=True)
    assert all(bool(g.isfinite().all()) for g in reached if g is not None)
    assert reached[0].abs().sum() > 0


@each
@ruled
def test_gradients_are_those_of_finite_differences(name: str, rules: Forbidden, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Tensor, "float", lambda tensor: tensor)  # the check needs doubles all the way
    distribution, inputs = made(name).double(), states().detach().double().requires_grad_()

    def of_target(vectors: Tensor, *_: Tensor) -> Tensor:
        return distribution.target(vectors, BATCH.target, rules)[0]

    torch.autograd.gradcheck(of_target, (inputs, *distribution.parameters()), fast_mode=True)


@each
def test_one_position_does_not_move_another(name: str):
    distribution, inputs = made(name), states()
    of_target, of_class = distribution.target(inputs, BATCH.target, RULES["empty visits and repeats"])
    (gradient,) = torch.autograd.grad(of_target[3] + of_class[3].exp().square().sum(), inputs)
    assert gradient[3].abs().sum() > 0
    gradient[3] = 0
    assert not gradient.any()


@each
@ruled
def test_draws_have_the_probabilities_of_the_symbols(name: str, rules: Forbidden):
    distribution, repeats = made(name), 400
    with torch.no_grad():
        for parameter in distribution.parameters():
            parameter.div_(3)  # no symbol so rare that it says nothing
        inputs = states().detach()
        drawn = torch.stack(
            [distribution.draw(inputs, rules, torch.Generator().manual_seed(seed)) for seed in range(repeats)]
        )
        probability = distribution.symbols(inputs, rules).exp().double()
    for position in range(POSITIONS):
        counts = np.bincount(drawn[:, position], minlength=len(CLASS))
        expected = repeats * (probability[position] / probability[position].sum()).numpy()
        possible = expected > 0
        assert not counts[~possible].any()
        assert chisquare(counts[possible], expected[possible]).pvalue > 1e-4  # 17 positions, 9 tests


def hand_made(name: str, **bias: list[float]) -> nn.Module:
    """A distribution that ignores its state: weights 0, biases as given in probabilities or odds."""
    distribution = made(name)
    with torch.no_grad():
        for parameter in distribution.parameters():
            parameter.zero_()
        for path, odds in bias.items():
            distribution.get_parameter(path.replace("__", ".")).copy_(torch.tensor(odds).log())
    return distribution


def probabilities(distribution: nn.Module, used: list[int], opens_visit: bool) -> list[float]:
    """P(symbol) at one position: <visit> <eos> 25000 4010 4011 4019 486 V270 V271."""
    symbols = torch.tensor(used, dtype=torch.long)
    rules = Forbidden(torch.zeros_like(symbols), symbols, torch.tensor([opens_visit]))
    return distribution.symbols(torch.ones(1, 8), rules).exp()[0].tolist()


def test_factored_by_hand():
    within = [1.0, 1.0, 1.0, 1.0, 2.0, 3.0, 1.0, 1.0, 3.0]
    made_up = hand_made("factored", class_logits__bias=[0.1, 0.1, 0.2, 0.3, 0.1, 0.2], within_bias=within)
    expected = [0.1, 0.1, 0.2, 0.05, 0.1, 0.15, 0.1, 0.05, 0.15]
    assert probabilities(made_up, [], opens_visit=False) == pytest.approx(expected)
    # 4011 is used: 401 keeps its 0.3, shared 1 to 3.
    expected = [0.1, 0.1, 0.2, 0.075, 0, 0.225, 0.1, 0.05, 0.15]
    assert probabilities(made_up, [4], opens_visit=False) == pytest.approx(expected)
    # 401 is used up and the rest shares its 0.3 in proportion.
    expected = [1 / 7, 1 / 7, 2 / 7, 0, 0, 0, 1 / 7, 0.5 / 7, 1.5 / 7]
    assert probabilities(made_up, [3, 4, 5], opens_visit=False) == pytest.approx(expected)
    # No mark before the first code: its 0.2 is shared likewise.
    expected = [0, 0, 0.25, 0.0625, 0.125, 0.1875, 0.125, 0.0625, 0.1875]
    assert probabilities(made_up, [], opens_visit=True) == pytest.approx(expected)


def test_uniform_expansion_by_hand():
    made_up = hand_made("category", class_logits__bias=[0.1, 0.1, 0.2, 0.3, 0.1, 0.2])
    expected = [0.1, 0.1, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]
    assert probabilities(made_up, [], opens_visit=False) == pytest.approx(expected)
    expected = [0.1, 0.1, 0.2, 0.15, 0, 0.15, 0.1, 0.1, 0.1]
    assert probabilities(made_up, [4], opens_visit=False) == pytest.approx(expected)


def test_flat_by_hand():
    made_up = hand_made("flat", logits__bias=[0.1, 0.1, 0.2, 0.05, 0.1, 0.15, 0.1, 0.05, 0.15])
    expected = np.array([0.1, 0.1, 0.2, 0.05, 0, 0.15, 0.1, 0.05, 0.15]) / 0.9
    assert probabilities(made_up, [4], opens_visit=False) == pytest.approx(expected.tolist())


@each
def test_starts_no_worse_than_chance(name: str):
    """An untrained distribution knows the frequencies of training, or at least nothing false."""
    torch.manual_seed(0)
    log_prob, _ = DISTRIBUTIONS[name](VOCABULARY, 8).target(torch.zeros(POSITIONS, 8), BATCH.target, RULES["nothing"])
    assert -log_prob.mean().item() < np.log(len(CLASS)) + 0.1


def test_the_cases_are_there():
    """Some position has a category of three codes used up, and some has it used in part."""
    of_401 = VOCABULARY.categories.index("401") + SPECIAL_CLASSES == CLASS
    used = barred(RULES["empty visits and repeats"])[:, of_401].sum(dim=1)
    assert {0, 1, 2, 3} <= set(used.tolist())
