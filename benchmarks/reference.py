"""What a user would write with transformers alone: a training loop over padded batches, and `generate`.

Axes: B patients, T tokens, V the vocabulary.
"""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from transformers import BartConfig, BartForConditionalGeneration, LogitsProcessor, LogitsProcessorList
from transformers.modeling_outputs import BaseModelOutput

from ehrgen.data.cohort import AGE_BRACKETS, SEXES, age_bracket
from ehrgen.data.sequences.sequences import Sequences
from ehrgen.data.sequences.vocabulary import BOS, EOS, FIRST_CODE, FIRST_SYMBOL, PAD, VISIT
from ehrgen.learning.batches import padded
from ehrgen.learning.model.prompt_bart import PromptBart

BATCH = 16
IGNORED = -100


class Loop:
    """BART for conditional generation: demographics as two tokens in the encoder, the history in the decoder."""

    def __init__(self, config: BartConfig, sequences: Sequences, learning_rate: float, clip: float) -> None:
        self.sequences, self.clip = sequences, clip
        self.first_label = config.vocab_size
        config = BartConfig(**config.to_dict() | {"vocab_size": config.vocab_size + len(SEXES) + len(AGE_BRACKETS)})
        self.model = BartForConditionalGeneration(config).train()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=learning_rate)

    def shuffled(self, rng: np.random.Generator) -> Iterator[np.ndarray]:
        """Rows of batches of 16, endlessly."""
        while True:
            order = rng.permutation(len(self.sequences))
            yield from np.split(order, range(BATCH, len(order), BATCH))

    def step(self, rows: np.ndarray) -> int:
        """One update; how many real tokens it learned from."""
        tokens, real = padded(self.sequences, rows)
        labels = torch.from_numpy(np.where(real, tokens, IGNORED)[:, 1:].copy())
        bracket = age_bracket(np.asarray(self.sequences.age)[rows])
        known = [np.asarray(self.sequences.sex)[rows].astype(np.int64), len(SEXES) + bracket]
        given = np.stack([np.full(len(rows), BOS), *(self.first_label + value for value in known)], axis=1)
        inputs = torch.from_numpy(tokens[:, :-1])
        self.optimizer.zero_grad()
        out = self.model(input_ids=torch.from_numpy(given), decoder_input_ids=inputs, labels=labels, use_cache=False)
        out.loss.backward()
        clip_grad_norm_(self.model.parameters(), self.clip)
        self.optimizer.step()
        return int((labels != IGNORED).sum())


class Grammar(LogitsProcessor):
    """What ehrgen's sampler forbids, for `generate`: an empty visit, and a code twice within a visit."""

    def __call__(self, input_ids: Int[Tensor, "B T"], scores: Float[Tensor, "B V"]) -> Float[Tensor, "B V"]:
        mark = input_ids < FIRST_CODE
        place = torch.arange(input_ids.shape[1], device=input_ids.device)
        opened = (place * mark).amax(dim=1, keepdim=True)
        held = torch.where((place > opened) & ~mark, input_ids, PAD)
        barred = torch.zeros_like(scores, dtype=torch.bool).scatter(1, held, True)
        barred[:, [PAD, BOS]] = True
        barred[:, [VISIT, EOS]] = mark[:, -1:]
        return scores.masked_fill(barred, -torch.inf)


class Generator:
    """The same weights under `generate`: for models whose output is one linear layer on the decoder's states."""

    def __init__(self, model: PromptBart) -> None:
        settings = model.settings
        more = ("prompt_decoder", "prompt_output", "visit_output")
        if settings.hierarchy != "flat" or any(getattr(settings, name) for name in more):
            raise ValueError(f"generate needs model.hierarchy flat, and {', '.join(more)} false; it is {settings}")
        self.ours = model.eval()
        self.theirs = BartForConditionalGeneration(model.bart.config).eval()
        self.theirs.model = model.bart
        logits = model.distribution.logits
        self.theirs.lm_head = nn.Linear(logits.in_features, len(model.vocabulary), bias=False)
        with torch.no_grad():
            self.theirs.lm_head.weight[FIRST_SYMBOL:] = logits.weight
            self.theirs.final_logits_bias[:, FIRST_SYMBOL:] = logits.bias

    @torch.inference_mode()
    def histories(
        self, age: Float[Tensor, " B"], sex: Int[Tensor, " B"], max_tokens: int, greedy: bool
    ) -> list[list[int]]:
        """Tokens of every patient, without `<bos>` and `<eos>`."""
        start = torch.full((len(age), 1), BOS)
        states, _ = self.ours.encode(start, age, sex)
        written = self.theirs.generate(
            encoder_outputs=BaseModelOutput(last_hidden_state=states),
            decoder_input_ids=start,
            num_beams=1,
            **({"do_sample": False} if greedy else {"do_sample": True, "top_k": 0, "top_p": 1.0, "temperature": 1.0}),
            max_length=max_tokens,
            forced_eos_token_id=None,
            logits_processor=LogitsProcessorList([Grammar()]),
        )
        return [[token for token in row if token not in (PAD, BOS, EOS)] for row in written.tolist()]
