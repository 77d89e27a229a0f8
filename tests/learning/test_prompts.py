import pytest
import torch

from ehrgen.data.sequences.vocabulary import EOS, FIRST_CODE, VISIT, Vocabulary
from ehrgen.learning.model.prompts import PROMPTS, CategoryVectors, Prompt, init_std

VOCABULARY = Vocabulary(("25000", "4010", "4011", "486"), (1, 1, 1, 1))


def made(width: int = 4) -> Prompt:
    torch.manual_seed(0)
    return Prompt(width, 16)


def test_a_prompt_is_one_vector_for_age_and_one_for_sex():
    prompt = made()
    vectors = prompt(torch.tensor([30.0, 30.0, 70.0]), torch.tensor([0, 1, 0]))
    assert vectors.shape == (3, PROMPTS, 16)
    age, sex = vectors.unbind(dim=1)
    assert torch.allclose(age[0], age[1]) and not torch.allclose(age[0], age[2])
    assert torch.allclose(sex[0], sex[2]) and not torch.allclose(sex[0], sex[1])


def test_age_is_a_number_felt_at_every_age():
    age, nobody = torch.tensor([0.0, 0.3, 1.0, 5.0, 15.0, 30.0, 55.0, 90.0]), torch.zeros(8, dtype=torch.long)
    moved = made()(age + 0.1, nobody) - made()(age, nobody)
    assert (moved[:, 0].abs().amax(dim=1) > 1e-5).all()
    assert torch.allclose(moved[:, 1], torch.zeros(8, 16), atol=1e-6)


def test_every_part_learns():
    prompt = made()
    prompt(torch.tensor([0.0, 40.0]), torch.tensor([0, 1])).square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in prompt.parameters())


def test_siblings_share_their_category_vector():
    vectors = CategoryVectors(VOCABULARY, 16)(torch.tensor([[VISIT, EOS, *range(FIRST_CODE, FIRST_CODE + 4)]]))[0]
    assert torch.equal(vectors[3], vectors[4])
    assert len(vectors.unique(dim=0)) == 5


@pytest.mark.parametrize(("width", "expected"), [(768, 0.02), (192, 0.04), (48, 0.08)])
def test_narrow_models_start_with_larger_weights(width: int, expected: float):
    assert init_std(width) == pytest.approx(expected)
