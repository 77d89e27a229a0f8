import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from ehrgen.data.sequences.vocabulary import Vocabulary
from ehrgen.learning.model.class_tree import FORBIDDEN, ClassTree, Forbidden, masked_log_softmax

# Symbols: 0 <visit>, 1 <eos>, 2 25000, 3 4010, 4 4011, 5 4019, 6 486. Classes: marks, 250, 401, 486.
TREE = ClassTree(Vocabulary(("25000", "4010", "4011", "4019", "486"), (1, 1, 1, 1, 1)))
RULES = Forbidden(  # position 0 opens a visit; position 1 holds 4011; position 2 all of 401 and 250
    at=torch.tensor([1, 2, 2, 2, 2]),
    symbol=torch.tensor([4, 3, 5, 2, 4]),
    opens_visit=torch.tensor([True, False, False]),
)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_what_is_left_by_hand():
    assert TREE.left(RULES).tolist() == [[0, 0, 1, 3, 1], [1, 1, 1, 2, 1], [1, 1, 0, 0, 1]]
    assert torch.equal(TREE.used_up(RULES), TREE.left(RULES) <= 0)


def test_class_log_prob_by_hand():
    probability = TREE.class_log_prob(torch.zeros(3, 5), RULES).exp()
    third, fifth = [1 / 3] * 3, [1 / 5] * 5
    expected = [[0, 0, *third], fifth, [1 / 3, 1 / 3, 0, 0, 1 / 3]]
    torch.testing.assert_close(probability, torch.tensor(expected))


def test_siblings_by_hand():
    siblings = TREE.siblings(torch.tensor([3, 3, 0]), RULES)
    assert siblings.position.tolist() == [0, 0, 0, 1, 1, 1, 2]
    assert siblings.symbol.tolist() == [3, 4, 5, 3, 4, 5, 0]
    assert siblings.start.tolist() == [0, 3, 6]
    assert siblings.barred.tolist() == [False, False, False, False, True, False, False]


def test_a_sibling_is_drawn_in_proportion():
    positions = 3000
    nothing = torch.zeros(0, dtype=torch.long)
    rules = Forbidden(nothing, nothing, torch.zeros(positions, dtype=torch.bool))
    chosen = torch.tensor([3, 2, 4]).repeat(positions // 3)
    siblings = TREE.siblings(chosen, rules)
    odds = torch.tensor([0, 0, 5.0, 1.0, 2.0, 3.0, 5.0])[siblings.symbol]
    drawn = siblings.draw(odds.log(), generator(0))
    assert set(drawn[chosen == 2].tolist()) == {2} and set(drawn[chosen == 4].tolist()) == {6}
    counts = np.bincount(drawn[chosen == 3], minlength=7)[3:6]
    assert chisquare(counts, np.array([1, 2, 3]) / 6 * counts.sum()).pvalue > 0.01


def test_masked_softmax_by_hand():
    logits = torch.tensor([[0.0, 3.0, 0.0], [2.0, 2.0, 2.0]])
    barred = torch.tensor([[False, True, False], [True, True, False]])
    shares = masked_log_softmax(logits, barred).exp()
    assert shares.flatten().tolist() == pytest.approx([0.5, 0, 0.5, 0, 0, 1])


def test_softmax_within_a_class_by_hand():
    logits = torch.tensor([[7.0, 1.0, 2.0, 0.0, FORBIDDEN, 0.0, 4.0]])
    logits[0, 5] = np.log(3)
    within = TREE.within_class_log_softmax(logits).exp()
    assert within[0].tolist() == pytest.approx([1, 1, 1, 0.25, 0, 0.75, 1])
