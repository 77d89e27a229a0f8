import numpy as np
import pytest
import torch

from ehrgen.learning.objectives import lm_and_heads
from ehrgen.learning.objectives.table import Objective
from tests.support.training import batch_of, by_hand, output

BATCH = batch_of(by_hand())


def test_lm_by_hand():
    log_prob = torch.tensor([0.5, 0.25, 0.5, 1, 1, 1, 0.25, 1]).log2()
    assert lm_and_heads.lm(output(BATCH, target_log_prob=log_prob), BATCH).item() == pytest.approx(6 / 8)


@pytest.mark.parametrize(("objective", "chance"), [(lm_and_heads.age, np.log(6)), (lm_and_heads.sex, np.log(2))])
def test_knowing_nothing_costs_the_chance_level(objective: Objective, chance: float):
    assert objective(output(BATCH), BATCH).item() == pytest.approx(chance)


def test_age_by_hand():
    """Sure of 65+ everywhere: right at the 6 positions of the first patient, wrong by 9 at the 2 of the second."""
    logits = torch.zeros(8, 6)
    logits[:, 5] = 9.0
    right = np.log(1 + 5 * np.exp(-9))
    value = lm_and_heads.age(output(BATCH, age_logits=logits), BATCH).item()
    assert value == pytest.approx((6 * right + 2 * (9 + right)) / 8)


def test_sex_by_hand():
    """P(F) = 3/4 for the first, a woman, and 1/2 for the second, a man."""
    logits = torch.tensor([[3.0, 1.0], [1.0, 1.0]]).log()
    expected = (np.log(4 / 3) + np.log(2)) / 2
    assert lm_and_heads.sex(output(BATCH, sex_logits=logits), BATCH).item() == pytest.approx(expected)
