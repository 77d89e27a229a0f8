"""What the output distribution reads besides the decoder's state."""

import torch
from torch.nn.functional import one_hot

from ehrgen.learning.model.readout import Readout
from ehrgen.learning.settings import ModelSettings
from tests.support.training import MODEL, tiny

STATES = torch.randn(4, 16, generator=torch.Generator().manual_seed(0))
AT, SYMBOL = torch.tensor([1, 2, 2, 3]), torch.tensor([2, 2, 3, 5])
SIZE = torch.tensor([[1.0], [1.0], [2.0], [1.0]])
NOTHING = torch.empty(0, dtype=torch.long)


def readout(**switches: bool) -> Readout:
    torch.manual_seed(0)
    return Readout(ModelSettings(**{**MODEL, **switches}), tiny().vocabulary, 16)


def test_switched_off_it_passes_states_on():
    off = readout(prompt_output=False, visit_output=False, visit_code_output=False)
    assert not list(off.parameters())
    assert off.patients(torch.ones(4), torch.zeros(4, dtype=torch.long)) is None
    assert off(STATES, None, AT, SYMBOL) is STATES


def test_demographics_start_at_nothing_and_then_tell_patients_apart():
    on = readout(visit_output=False, visit_code_output=False)
    age, sex = torch.tensor([1.0, 70.0, 70.0, 70.0]), torch.tensor([0, 0, 1, 1])
    assert on.patients(age, None) is None
    torch.testing.assert_close(on(STATES, on.patients(age, sex), AT, SYMBOL), STATES)
    for part in (on.prompt.age, on.prompt.sex):
        torch.nn.init.normal_(part[-1].weight)
    vectors = on(STATES, on.patients(age, sex), AT, SYMBOL) - STATES
    assert not torch.allclose(vectors[0], vectors[1]) and not torch.allclose(vectors[1], vectors[2])
    torch.testing.assert_close(vectors[2], vectors[3])


def test_each_held_code_adds_the_vector_of_its_category():
    on = readout(prompt_output=False, visit_code_output=False)
    classes = torch.from_numpy(tiny().vocabulary.symbol_class)[SYMBOL].long()
    by_hand = one_hot(AT, 4).float().T @ on.visit.weight[classes] / SIZE.sqrt()
    torch.testing.assert_close(on(STATES, None, AT, SYMBOL), STATES + by_hand)
    torch.testing.assert_close(on(STATES, None, NOTHING, NOTHING), STATES)


def test_each_held_code_adds_a_vector_of_its_own():
    on = readout(prompt_output=False, visit_output=False)
    by_hand = one_hot(AT, 4).float().T @ on.visit_code.weight[SYMBOL] / SIZE.sqrt()
    torch.testing.assert_close(on(STATES, None, AT, SYMBOL), STATES + by_hand)
