"""Prompt-conditioned BART: age and sex become prompt vectors, decoder states become distributions.

Axes: B patients, T decoder inputs, E encoder inputs, N real positions, L those and the prompts'.
D state, P prompt vectors.
"""

import json
from pathlib import Path
from typing import Any, Self

import torch
from jaxtyping import Bool, Float, Int
from numpy import ndarray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import BartConfig, BartModel

from ehrgen.core import checksums
from ehrgen.core.checksums import DamagedError
from ehrgen.core.files import replacing, write_json
from ehrgen.data.cohort import AGE_BRACKETS, SEXES
from ehrgen.data.sequences.vocabulary import PAD, Vocabulary
from ehrgen.learning.batches import Batch, similar
from ehrgen.learning.machine.device import Machine
from ehrgen.learning.model import packing
from ehrgen.learning.model.backbone import backbone
from ehrgen.learning.model.class_tree import Forbidden
from ehrgen.learning.model.context import Context
from ehrgen.learning.model.direct_output import Direct, DirectOutput
from ehrgen.learning.model.distribution import DISTRIBUTIONS, Choices
from ehrgen.learning.model.output import Output
from ehrgen.learning.model.packing import Layout, Prefixed
from ehrgen.learning.model.prompts import PROMPTS, CategoryVectors, Prompt
from ehrgen.learning.model.readout import Readout
from ehrgen.learning.settings import ModelSettings

FOLDER = "a PromptBart"
"""What the checksums of a model's folder are of."""

CODE_TABLES = (
    "bart.shared.weight",
    "readout.visit_code.weight",
    "distribution.within_weight",
    "distribution.logits.weight",
)
CATEGORY_TABLES = ("category.vectors.weight", "readout.visit.weight", "distribution.class_logits.weight")


class ModelError(ValueError):
    """A saved model that cannot be read; the message says where and what is wrong."""


class PromptBart(nn.Module):
    """BART whose encoder and decoder can be prefixed with demographic prompts, two heads, one distribution."""

    def __init__(
        self,
        settings: ModelSettings,
        vocabulary: Vocabulary,
        max_tokens: int,
        sex_pool: str,
        bart: BartModel | None = None,
    ) -> None:
        super().__init__()
        self.settings, self.vocabulary = settings, vocabulary
        self.max_tokens, self.sex_pool = max_tokens, sex_pool
        self.bart = backbone(settings, len(vocabulary), max_tokens) if bart is None else bart
        width = self.bart.shared.embedding_dim
        self.encoder_prompt = Prompt(settings.prompt_width, width) if settings.prompt_encoder else None
        self.decoder_prompt = Prompt(settings.prompt_width, width) if settings.prompt_decoder else None
        self.readout = Readout(settings, vocabulary, width)
        self.age_head = _head(width, len(AGE_BRACKETS))
        self.sex_head = _head(width, len(SEXES))
        self.category = CategoryVectors(vocabulary, width) if settings.hierarchy != "flat" else None
        self.direct = DirectOutput(settings, vocabulary) if settings.direct else None
        self.distribution = DISTRIBUTIONS[settings.hierarchy](vocabulary, width)

    def placed(self, machine: Machine) -> Self:
        """This model on that machine's device, with its attention."""
        self.bart.set_attn_implementation(machine.attention)
        return self.to(machine.device)

    def encode(
        self, tokens: Int[Tensor, "B E"], age: Float[Tensor, " B"] | None, sex: Int[Tensor, " B"] | None
    ) -> tuple[Float[Tensor, "B PE D"], Bool[Tensor, "B PE"]]:
        """Encoder states and their mask; without demographics the prompt is left out."""
        vectors, mask = self._prefixed(self.encoder_prompt, tokens, age, sex)
        attention_mask = None if bool(mask.all()) else mask.long()
        states = self.bart.encoder(inputs_embeds=vectors, attention_mask=attention_mask).last_hidden_state
        return states, mask

    def decode(
        self,
        tokens: Int[Tensor, "B T"],
        age: Float[Tensor, " B"] | None,
        sex: Int[Tensor, " B"] | None,
        encoded: tuple[Float[Tensor, "B PE D"], Bool[Tensor, "B PE"]],
        **cache: Any,
    ) -> Float[Tensor, "B PT D"]:
        """Decoder states of prompt and tokens; causal, so right padding needs no mask. `cache` as of BART's decoder."""
        states, mask = encoded
        vectors, _ = self._prefixed(self.decoder_prompt, tokens, age, sex)
        return self.bart.decoder(
            inputs_embeds=vectors,
            encoder_hidden_states=states,
            encoder_attention_mask=None if bool(mask.all()) else mask.long(),
            **cache,
        ).last_hidden_state

    def forward(self, batch: Batch, forbid_used: bool = True) -> Output:
        states, prefixed = self._packed(batch)
        of_tokens = prefixed.tokens(states)
        direct = self.direct_at(batch, batch.age, batch.sex)
        target_log_prob, class_log_prob = self.distribution.target(
            self._read(of_tokens, batch), batch.target, forbidden(batch, forbid_used), direct
        )
        return Output(
            target_log_prob=target_log_prob,
            class_log_prob=class_log_prob,
            age_logits=self.age_head(of_tokens).float(),
            sex_logits=self.sex_head(self._pooled(states, prefixed, batch)).float(),
        )

    def choices(self, batch: Batch, forbid_used: bool = True) -> list[Choices]:
        """What could come instead of each target, with probabilities, for each bias of the distribution."""
        states, prefixed = self._packed(batch)
        read, direct = self._read(prefixed.tokens(states), batch), self.direct_at(batch, batch.age, batch.sex)
        return self.distribution.choices(read, batch.target, forbidden(batch, forbid_used), direct)

    def direct_at(self, batch: Batch, age: Float[Tensor, " B"] | None, sex: Int[Tensor, " B"] | None) -> Direct | None:
        """What reaches the logits of a batch directly."""
        if self.direct is None:
            return None
        return self.direct.at(Context.of_batch(batch, self.direct.symbols, age, sex, self.training))

    def _read(self, of_tokens: Float[Tensor, "N D"], batch: Batch) -> Float[Tensor, "N D"]:
        """What the distribution reads: states with what is known of patient and visit."""
        of_patient = self.readout.patients(batch.age, batch.sex)
        of_patient = None if of_patient is None else of_patient[batch.patient]
        return self.readout(of_tokens, of_patient, batch.used_at, batch.used_symbol)

    def _packed(self, batch: Batch) -> tuple[Float[Tensor, "L D"], Prefixed]:
        """Decoder states of all patients in one pass without padding, equal to those of `encode` and `decode`."""
        in_encoder = batch.encoder != PAD
        encoder_lengths, lengths = torch.stack([in_encoder.sum(1), batch.real.sum(1)]).cpu().numpy()
        encoder_tokens, tokens = batch.encoder[in_encoder], batch.inputs[batch.real]
        vectors, prefixed = self._joined(
            self.encoder_prompt, batch, encoder_tokens, encoder_lengths, similar(encoder_lengths)
        )
        encoded = packing.encode(self.bart.encoder, vectors, prefixed.layout)
        # Attention across needs patients in the decoder's groups, whatever their lengths in the encoder.
        groups = similar(lengths)
        encoded_layout = Layout.of(encoder_lengths + prefixed.prompts, groups, tokens.device)
        vectors, prefixed = self._joined(self.decoder_prompt, batch, tokens, lengths, groups)
        return packing.decode(self.bart.decoder, vectors, prefixed.layout, encoded, encoded_layout), prefixed

    def _joined(
        self,
        prompt: Prompt | None,
        batch: Batch,
        tokens: Int[Tensor, " N"],
        lengths: Int[ndarray, " B"],
        groups: list[ndarray],
    ) -> tuple[Float[Tensor, "L D"], Prefixed]:
        """Prompt and token vectors on one flat axis."""
        prefixed = Prefixed.of(lengths, 0 if prompt is None else PROMPTS, groups, tokens.device)
        vectors = self._embedded(tokens)
        prompts = None if prompt is None else prompt(batch.age, batch.sex).to(vectors.dtype)
        return prefixed.joined(prompts, vectors), prefixed

    def shared_parameters(self) -> list[nn.Parameter]:
        """The parameters every objective can reach: BART and the prompts, not the heads or what reads the states."""
        own = ("age_head.", "sex_head.", "readout.", "distribution.", "direct.")
        return [p for name, p in self.named_parameters() if not name.startswith(own)]

    def tables(self) -> dict[str, list[nn.Parameter]]:
        """The parameters that have a row a code, or a category, of which most are rare."""
        named = dict(self.named_parameters())
        return {
            "codes": [p for name, p in named.items() if name in CODE_TABLES],
            "categories": [p for name, p in named.items() if name in CATEGORY_TABLES or name.endswith(".learned")],
        }

    def _pooled(self, states: Float[Tensor, "L D"], prefixed: Prefixed, batch: Batch) -> Float[Tensor, "B D"]:
        """Mean state over code positions, or over every position, prompts included, as analysed."""
        if self.sex_pool == "all":
            patient = prefixed.layout.patient_of_position
        else:
            states = states[prefixed.position_of_token[batch.reads_code]]
            patient = batch.patient[batch.reads_code]
        positions = torch.bincount(patient, minlength=len(batch.sex))
        total = states.new_zeros(len(batch.sex), states.shape[1]).index_add(0, patient, states)
        return total / positions[:, None]

    def _prefixed(
        self,
        prompt: Prompt | None,
        tokens: Int[Tensor, "B T"],
        age: Float[Tensor, " B"] | None,
        sex: Int[Tensor, " B"] | None,
    ) -> tuple[Float[Tensor, "B PT D"], Bool[Tensor, "B PT"]]:
        vectors = self._embedded(tokens)
        mask = tokens != PAD
        if prompt is None or age is None or sex is None:
            return vectors, mask
        prefix = prompt(age, sex).to(vectors.dtype)
        return torch.cat([prefix, vectors], 1), torch.cat([mask.new_ones(len(mask), PROMPTS), mask], 1)

    def _embedded(self, tokens: Int[Tensor, "..."]) -> Float[Tensor, "... D"]:
        vectors = self.bart.shared(tokens)
        return vectors if self.category is None else vectors + self.category(tokens)

    def save(self, folder: Path) -> None:
        """Write model.safetensors, vocabulary.json and config.json, all that `load` needs, and their checksums."""
        with replacing(folder) as temporary:
            temporary.mkdir()
            # BART ties its two embedding tables to `shared`; one copy is enough and safetensors allows no more.
            save_file(self.untied_state(), temporary / "model.safetensors")
            self.vocabulary.save(temporary / "vocabulary.json")
            config = {
                "settings": self.settings.model_dump(),
                "max_tokens": self.max_tokens,
                "sex_pool": self.sex_pool,
                "bart": {k: v for k, v in self.bart.config.to_diff_dict().items() if k != "transformers_version"},
            }
            write_json(config, temporary / "config.json", indent=1, sort_keys=True)
            checksums.seal(temporary, FOLDER)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The model saved in `folder`, in evaluation mode, on the CPU.

        Raises:
            ModelError: If a file is missing or not what was written, or is of another version of this program.
        """
        try:
            checksums.verify(folder, FOLDER)
        except DamagedError as error:
            raise ModelError(f"{folder}: no whole model: {error}; train it again") from None
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            settings = ModelSettings(**config["settings"])
            vocabulary = Vocabulary.load(folder / "vocabulary.json")
            bart = BartModel(BartConfig(**config["bart"]))  # a pretrained one has its own size, not the settings'
            model = cls(settings, vocabulary, config["max_tokens"], config["sex_pool"], bart)
            model.load_untied(load_file(folder / "model.safetensors"))
        except (KeyError, TypeError, ValueError, RuntimeError) as error:  # whole, so it was written by another version
            said = " ".join(str(error).split())
            raise ModelError(f"{folder}: of another version of this program ({said}); train it again") from None
        return model.eval()

    def untied_state(self) -> dict[str, Tensor]:
        """Every distinct tensor of the state once, by name."""
        tied = ("bart.encoder.embed_tokens.weight", "bart.decoder.embed_tokens.weight")
        return {k: v.detach().contiguous() for k, v in self.state_dict().items() if k not in tied}

    def load_untied(self, state: dict[str, Tensor]) -> None:
        """Set the weights from `untied_state`.

        Raises:
            ModelError: If names are missing or unknown.
        """
        names = self.load_state_dict(state, strict=False)
        missing = [name for name in names.missing_keys if not name.endswith("embed_tokens.weight")]
        if missing or names.unexpected_keys:
            raise ModelError(f"weights do not fit: missing {missing}, unknown {names.unexpected_keys}")


def forbidden(batch: Batch, forbid_used: bool) -> Forbidden:
    """The restrictions at each position of a batch; without `forbid_used` only empty visits are barred."""
    none = batch.used_at[:0]
    at, symbol = (batch.used_at, batch.used_symbol) if forbid_used else (none, none)
    return Forbidden(at, symbol, batch.opens_visit)


def _head(width: int, classes: int) -> nn.Module:
    hidden = max(16, width // 3)
    return nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, classes))
