"""What the output distribution reads besides the decoder's state: the patient, and what the visit already holds.

Both reach the state through attention too, but late and blurred: a small model given few patients goes on writing
women's codes for men, and siblings of a code it has just written. Added to the state, each is one step from the
logits of every category.

Axes: B patients, N positions, D state, J pairs of (position, code already in its visit).
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ehrgen.data.sequences.vocabulary import Vocabulary
from ehrgen.learning.model.prompts import Prompt
from ehrgen.learning.settings import ModelSettings


class Readout(nn.Module):
    """Decoder states plus a vector of demographics (`prompt_output`), one a category held (`visit_output`), one a code.

    Without the code's own (`visit_code_output`) 40390 and 40391 say the same of what comes next. The vectors of m codes
    are divided by the root of m: their sum would grow with the visit, and carry the longest ones away.

    Demographics start at nothing. Of the others `visit_output_std` is the first size: at 0.02, as small as
    the weights that read them, neither moves the other and epochs pass before categories attract each other.
    """

    symbol_class: Int[Tensor, " symbols"]

    def __init__(self, settings: ModelSettings, vocabulary: Vocabulary, width: int) -> None:
        super().__init__()
        self.register_buffer("symbol_class", torch.from_numpy(vocabulary.symbol_class).long(), persistent=False)
        self.prompt = self.visit = self.visit_code = None
        if settings.prompt_output:
            self.prompt = Prompt(settings.prompt_width, width)
            self.prompt.start_at_zero()
        if settings.visit_output:
            self.visit = nn.Embedding(len(vocabulary.class_size), width)
            nn.init.normal_(self.visit.weight, std=settings.visit_output_std)
        if settings.visit_code_output:
            self.visit_code = nn.Embedding(len(vocabulary.symbol_class), width)
            nn.init.normal_(self.visit_code.weight, std=settings.visit_output_std)

    def patients(self, age: Float[Tensor, " B"] | None, sex: Int[Tensor, " B"] | None) -> Float[Tensor, "B D"] | None:
        """What demographics add to each state of a patient; None where there are none to read."""
        if self.prompt is None or age is None or sex is None:
            return None
        return self.prompt(age, sex).sum(dim=1)

    def forward(
        self,
        states: Float[Tensor, "N D"],
        of_patient: Float[Tensor, "N D"] | None,
        used_at: Int[Tensor, " J"],
        used_symbol: Int[Tensor, " J"],
    ) -> Float[Tensor, "N D"]:
        if of_patient is not None:
            states = states + of_patient.to(states.dtype)
        if self.visit is None and self.visit_code is None:
            return states
        share = torch.bincount(used_at, minlength=len(states))[used_at].to(states.dtype).rsqrt()[:, None]
        if self.visit is not None:
            states = states.index_add(0, used_at, share * self.visit(self.symbol_class[used_symbol]).to(states.dtype))
        if self.visit_code is not None:
            states = states.index_add(0, used_at, share * self.visit_code(used_symbol).to(states.dtype))
        return states
