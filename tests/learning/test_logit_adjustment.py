"""After the last epoch what is rare gets the offsets that validation patients ask for, and nothing else moves."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ehrgen.data.sequences.vocabulary import SPECIAL_CLASSES
from ehrgen.learning.model.distribution import DISTRIBUTIONS
from ehrgen.learning.model.prompt_bart import PromptBart
from ehrgen.learning.sampling.likelihoods import log_likelihood
from ehrgen.learning.training.logit_adjustment import PRIOR, Groups, adjust, likeliest, offsets
from tests.support.sequences import tiny
from tests.support.training import batch_of, here, recipe, same, sampling, trained, untrained, weights

BIASES = {
    "factored": {"distribution.class_logits.bias", "distribution.within_bias"},
    "flat": {"distribution.logits.bias"},
    "category": {"distribution.class_logits.bias"},
}


def adjusted(model: PromptBart) -> PromptBart:
    validation = tiny().of_split("validation").shuffled(np.random.default_rng(0))
    adjust(model, tiny().of_split("train"), validation, True, here())
    return model


def nats(model: PromptBart) -> float:
    """Log-likelihood of the validation patients."""
    return float(log_likelihood(model, tiny().of_split("validation"), sampling(), here()).sum())


def random_masses() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.dirichlet([1, 1, 2, 4], 300), rng.integers(0, 4, 300)


def test_groups_are_powers_of_two_of_patients_and_ends_are_none():
    """Item 2 is of patient 0 alone, who has it twice, item 3 of three patients, item 4 of four, item 5 of nobody."""
    patient = np.array([0, 0, 0, 1, 2, 0, 1, 2, 3])
    item = np.array([2, 2, 3, 3, 3, 4, 4, 4, 4])
    assert Groups.of(patient, item, 6).of_item.tolist() == [0, 0, 1, 2, 3, 1]


def test_the_likeliest_offsets_are_where_the_posterior_has_no_slope():
    mass, chosen = random_masses()
    found = likeliest(mass, chosen)

    def posterior(shift: np.ndarray) -> float:
        factor = np.exp(np.concatenate([[0.0], shift]))
        likelihood = np.log((mass * factor)[np.arange(300), chosen] / (mass @ factor)).sum()
        return float(likelihood - 0.5 * (shift**2 * np.array([1, 2, 4])).sum() / PRIOR**2)

    slopes = [(posterior(found[1:] + step) - posterior(found[1:] - step)) / 2e-4 for step in 1e-4 * np.eye(3)]
    assert found[0] == 0 and np.abs(found[1:]).min() > 0.05
    np.testing.assert_allclose(slopes, 0, atol=1e-4)


def test_codes_together_stay_as_likely_as_they_were():
    mass, chosen = random_masses()
    found = offsets(mass, chosen)
    assert mass.sum(0)[1:] @ np.exp(found[1:]) == pytest.approx(mass.sum(0)[1:].sum())
    np.testing.assert_allclose(np.diff(found[1:]), np.diff(likeliest(mass, chosen)[1:]))


def test_few_patients_move_little_and_what_many_have_moves_less():
    mass = np.tile([0.0, 0.5, 0.0, 0.0, 0.5], (4, 1))
    rare, common = likeliest(mass, np.full(4, 1))[1], likeliest(mass, np.full(4, 4))[4]
    assert 0.05 < rare < 0.2 and 0 < common < rare / 4


@pytest.mark.parametrize("hierarchy", DISTRIBUTIONS)
def test_validation_patients_become_likelier_and_nothing_but_biases_moves(hierarchy: str):
    model = untrained(hierarchy=hierarchy)
    before, likely = weights(model), nats(model)
    after = weights(adjusted(model))
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == BIASES[hierarchy] and nats(model) > likely
    for name in moved:
        assert torch.equal(before[name][:SPECIAL_CLASSES], after[name][:SPECIAL_CLASSES])


@pytest.mark.parametrize("hierarchy", DISTRIBUTIONS)
def test_choices_are_the_probabilities_that_targets_have(hierarchy: str):
    model, batch = untrained(hierarchy=hierarchy), batch_of(tiny())
    out, found = model(batch), model.choices(batch)
    total = torch.zeros(len(batch.target))
    for choice in found:
        sums = torch.zeros(len(batch.target)).index_add(0, choice.position, choice.log_prob.exp())
        torch.testing.assert_close(sums, torch.ones_like(sums))
        came = choice.item == choice.chosen[choice.position]
        total[choice.position[came]] += choice.log_prob[came]
    if hierarchy == "category":  # whose codes are drawn evenly
        of_class = torch.from_numpy(tiny().vocabulary.symbol_class)[batch.target].long()
        torch.testing.assert_close(total, out.class_log_prob.gather(1, of_class[:, None]).squeeze(1))
    else:
        torch.testing.assert_close(total, out.target_log_prob)


def test_it_is_the_last_thing_a_training_does_and_the_switch_leaves_it_out(tmp_path: Path):
    plain, rows = trained(recipe(logit_adjustment=False), tmp_path / "plain")
    model, also = trained(recipe(logit_adjustment=True), tmp_path / "adjusted")
    assert [row.value for row in rows] == [row.value for row in also]
    assert not same(weights(plain), weights(model))
    assert same(weights(adjusted(plain)), weights(model)) and not model.training


def test_it_is_saved_with_the_model(tmp_path: Path):
    model = adjusted(untrained())
    model.save(tmp_path / "model")
    loaded = PromptBart.load(tmp_path / "model").placed(here())
    assert same(weights(model), weights(loaded)) and nats(loaded) == nats(model)
