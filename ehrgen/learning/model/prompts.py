"""What enters BART besides token embeddings: demographic prompts, and a vector for each code's category.

Axes: B patients, T tokens, D state, P prompt vectors, F age features.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ehrgen.data.cohort import SEXES
from ehrgen.data.sequences.vocabulary import FIRST_SYMBOL, Vocabulary

PROMPTS = 2
AGE_UNIT = 100.0
STEP_AT = (0.5, 2.0, 12.0, 18.0, 40.0, 65.0)
STEP_WIDTH = (0.25, 1.0, 2.0, 2.0, 8.0, 8.0)


class Prompt(nn.Module):
    """Two prompt vectors, reparameterised: a narrow embedding of age (a number) and sex (a category), widened.

    Source:
        Li & Liang (2021), Prefix-Tuning; Wang & Sun (2022), PromptEHR.
    """

    def __init__(self, width: int, d_model: int) -> None:
        super().__init__()
        self.age = nn.Sequential(nn.Linear(1 + len(STEP_AT), width), nn.Tanh(), nn.Linear(width, d_model))
        self.sex = nn.Sequential(nn.Embedding(len(SEXES), width), nn.Tanh(), nn.Linear(width, d_model))

    def start_at_zero(self) -> None:
        """Make both vectors 0, whatever age and sex."""
        for parameter in [*self.age[-1].parameters(), *self.sex[-1].parameters()]:
            nn.init.zeros_(parameter)

    def forward(self, age: Float[Tensor, " B"], sex: Int[Tensor, " B"]) -> Float[Tensor, "B P D"]:
        return torch.stack([self.age(_age_features(age)), self.sex(sex)], dim=1)


class CategoryVectors(nn.Module):
    """A vector a category, added to its codes' own: a code seen twice is read like its siblings."""

    token_class: Int[Tensor, " tokens"]

    def __init__(self, vocabulary: Vocabulary, width: int) -> None:
        super().__init__()
        no_symbol = np.zeros(FIRST_SYMBOL, dtype=np.int64)  # <pad> and <bos>, of which no class is asked
        token_class = torch.from_numpy(np.concatenate([no_symbol, vocabulary.symbol_class]))
        self.register_buffer("token_class", token_class, persistent=False)
        self.vectors = nn.Embedding(len(vocabulary.class_size), width)
        nn.init.normal_(self.vectors.weight, std=init_std(width))

    def forward(self, tokens: Int[Tensor, "..."]) -> Float[Tensor, "... D"]:
        return self.vectors(self.token_class[tokens])


def _age_features(age: Float[Tensor, " B"]) -> Float[Tensor, "B F"]:
    """Age as a number, and soft steps at the ages where diagnoses change fast: a line cannot bend at birth."""
    edges = age.new_tensor(STEP_AT)
    scale = age.new_tensor(STEP_WIDTH)
    steps = torch.sigmoid((age[:, None] - edges) / scale)
    return torch.cat([age[:, None] / AGE_UNIT, steps], dim=1)


def init_std(width: int) -> float:
    """BART's 0.02 at its own width of 768; at a smaller width 0.02 stays on the unigram plateau for epochs."""
    return 0.02 * (768 / width) ** 0.5
