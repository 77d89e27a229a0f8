"""Each switch of the direct output moves what it should and nothing else."""

from typing import Any

import pytest
import torch
from torch import Tensor

from ehrgen.data.sequences.sequences import Sequences
from ehrgen.data.sequences.vocabulary import SPECIAL_CLASSES
from ehrgen.learning.model.context import FOLDS
from ehrgen.learning.model.distribution import DISTRIBUTIONS
from ehrgen.learning.model.prompt_bart import PromptBart
from ehrgen.learning.model.started import Started
from tests.support.sequences import from_records, sequences_of, tiny
from tests.support.training import batch_of, stirred, untrained

SWITCHES = ("held_output", "history_output", "length_output", "demographic_output")


def two_visits() -> Sequences:
    """Positions: <bos> 4010 | <visit> 486 | of codes 25000, 4010, 4019, 486 in classes 2 to 4."""
    return sequences_of(from_records([[["4010"], ["486"]], [["25000", "4019"]]]))


def moved(sequences: Sequences, one: str) -> list[set[int]]:
    """Of each position the classes whose logits one switch moves."""
    batch, switches = batch_of(sequences), {name: name == one for name in SWITCHES}
    direct = stirred(untrained(vocabulary=sequences.vocabulary, **switches)).direct_at(batch, batch.age, batch.sex)
    assert direct is not None
    terms = direct.on_classes(torch.zeros(len(batch.target), len(sequences.vocabulary.class_size)))
    return [set(row.nonzero().flatten().tolist()) for row in terms]


def test_a_held_category_is_moved_and_no_other():
    assert moved(two_visits(), "held_output") == [set(), {3}, set(), {4}, set(), {2}, {2, 3}]


def test_categories_of_the_visit_before_are_moved_and_no_other():
    assert moved(two_visits(), "history_output") == [set(), set(), {3}, {3}, set(), set(), set()]


def test_a_category_of_the_visit_before_is_moved_until_this_visit_holds_it():
    """Positions: <bos> 4010 | <visit> 4019 486."""
    sequences = sequences_of(from_records([[["4010"], ["4019", "486"]]]))
    assert moved(sequences, "history_output") == [set(), set(), {2}, set(), set()]


def test_what_came_again_so_far_tells_how_likely_the_rest_is_to():
    """In the second visit 4010 has come again, or something else has; 486 was there before in both."""
    again, new = (
        sequences_of(from_records([[["4010", "486"], codes], [["4010", "25000", "486"]]]))
        for codes in (["4010", "486"], ["25000", "486"])
    )
    terms = []
    for sequences in (again, new):
        switches = {name: name == "history_output" for name in SWITCHES}
        model, batch = untrained(vocabulary=sequences.vocabulary, **switches), batch_of(sequences)
        with torch.no_grad():
            model.direct.history_level.copy_(torch.tensor([0, 1.0, -1.0, 0, 0, 0, 0, 0]))
        direct = model.direct_at(batch, batch.age, batch.sex)
        terms.append(direct.on_classes(torch.zeros(len(batch.target), len(sequences.vocabulary.class_size))))
    of_486 = int(again.vocabulary.symbol_class[SPECIAL_CLASSES + again.vocabulary.codes.index("486")])
    assert terms[0][4, of_486] > 0.5 and terms[1][4, of_486] < -0.5
    assert not terms[0][3].any() and not terms[1][3].any()  # where the visit opens, only the level of all


def test_the_ends_are_moved_and_no_code():
    assert moved(two_visits(), "length_output") == [{0, 1}] * 7


@pytest.mark.parametrize("one", SWITCHES)
@pytest.mark.parametrize("hierarchy", DISTRIBUTIONS)
def test_each_switch_reaches_every_kind_of_distribution(hierarchy: str, one: str):
    batch, switches = batch_of(tiny()), {name: name == one for name in SWITCHES}
    model = untrained(hierarchy=hierarchy, **switches)
    plain, changed = model(batch).target_log_prob, stirred(model)(batch).target_log_prob
    assert not torch.allclose(plain, changed)


def test_the_code_that_was_there_is_told_from_its_siblings():
    sequences = two_visits()
    targets = batch_of(sequences)

    def within(one: str | None) -> Tensor:
        switches = {name: name == one for name in SWITCHES}
        model = untrained(vocabulary=sequences.vocabulary, **switches)
        out = (stirred(model) if one else model)(targets)
        of_class = torch.from_numpy(sequences.vocabulary.symbol_class)[targets.target].long()
        return (out.target_log_prob - out.class_log_prob.gather(1, of_class[:, None]).squeeze(1)).detach()

    torch.testing.assert_close(within("held_output"), within(None))
    assert (within("history_output")[:2] == within(None)[:2]).all()  # a first visit


def test_switched_off_there_is_none():
    model = untrained(**dict.fromkeys(SWITCHES, False))
    assert model.direct is None and not any(name.startswith("direct") for name in model.state_dict())


def test_a_start_is_read_without_ones_own_fold_and_does_not_learn():
    table = Started(2)
    table.start.copy_(torch.arange(2.0 * (FOLDS + 1)).view(-1, 2))
    index = torch.tensor([0, 1, 1])
    assert table(index, torch.tensor([0, 0, 2])).tolist() == [0.0, 1.0, 5.0]
    assert table(index, None).tolist() == [2.0 * FOLDS, 2.0 * FOLDS + 1, 2.0 * FOLDS + 1]
    assert [name for name, _ in table.named_parameters()] == ["learned"]
    assert not list(Started(2, learns=False).parameters())


@pytest.mark.parametrize("name", ["held", "class_history", "symbol_history", "visit_ends", "history_ends"])
def test_what_is_learned_is_reached_by_the_language_model(name: str):
    model: PromptBart = untrained()
    batch = batch_of(tiny())
    model(batch).target_log_prob.sum().backward()
    learned: Any = getattr(model.direct, name).learned
    assert learned.grad.abs().sum() > 0
    if name in ("held", "class_history", "symbol_history"):
        assert not learned.grad[:SPECIAL_CLASSES].any()
