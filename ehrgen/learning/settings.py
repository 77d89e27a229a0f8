"""Parameters of this room: the model, its losses, its training and its sampling. Imports no torch."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from ehrgen.core.params import ParamsError, Seed, Settings, section

MOST_WEIGHTS = 10**11
"""Of a model: 400 GB in single precision, without what training adds."""


class ModelSettings(Settings):
    """Size and form of the prompt-conditioned BART."""

    pretrained: str | None
    layers: int = Field(ge=1, le=1_000)
    d_model: int = Field(ge=8, le=65_536)
    heads: int = Field(ge=1, le=65_536)
    feed_forward: int = Field(ge=8, le=1_048_576)
    dropout: float = Field(ge=0, lt=1)
    prompt_width: int = Field(ge=1, le=65_536)
    prompt_encoder: bool
    prompt_decoder: bool
    prompt_output: bool
    visit_output: bool
    visit_code_output: bool
    visit_output_std: float = Field(gt=0)
    held_output: bool
    history_output: bool
    length_output: bool
    demographic_output: bool
    encoder_input: Literal["prompt", "corrupted", "record"]
    corruption: float = Field(ge=0, le=1)
    hierarchy: Literal["factored", "flat", "category"]

    @model_validator(mode="after")
    def _can_be_built(self) -> Self:
        if self.pretrained is not None:  # which has its own size
            return self
        if self.d_model % self.heads:
            raise ValueError(f"heads: {self.heads} do not divide d_model, {self.d_model}; choose heads that do")
        layer = 4 * self.d_model**2 + 2 * self.d_model * self.feed_forward  # attention and feed-forward
        weights = self.layers * (2 * layer + 4 * self.d_model**2)  # of encoder and decoder, which attends twice
        if weights > MOST_WEIGHTS:
            raise ValueError(
                f"layers, d_model, feed_forward: {weights:,} weights, {MOST_WEIGHTS:,} at most; choose less"
            )
        return self

    @property
    def direct(self) -> bool:
        """Whether anything reaches the logits directly."""
        return self.held_output or self.history_output or self.length_output or self.demographic_output


WEIGHTS = ("lm", "age", "sex", "cooccur", "age_matching", "diversity")
"""The keys of `loss` that weigh an objective; the others say what form it takes."""

WITH_CHANCE = ("lm", "age", "sex")
"""The objectives with a chance level: what they cost a model that knows nothing but frequencies (`training.chance`)."""


class ConstantSettings(Settings):
    """The weight as it is."""

    kind: Literal["constant"]


class RampSettings(Settings):
    """From `start` to `end` times the weight while epochs 1 to `until_epoch` pass, and `end` from then on."""

    kind: Literal["linear", "cosine"]
    start: float = Field(ge=0)
    end: float = Field(ge=0)
    until_epoch: int = Field(ge=1)


class StepSettings(Settings):
    """The weight through epoch `until_epoch`, 0 from then on: the curriculum of LOSS_ANALYSIS.md."""

    kind: Literal["step"]
    until_epoch: int = Field(ge=1)


class RetireSettings(Settings):
    """The weight until the value was below this share of chance in as many epochs in a row, 0 from then on."""

    kind: Literal["retire"]
    below: float = Field(gt=0, lt=1)
    epochs: int = Field(ge=1)


ScheduleSettings = Annotated[
    ConstantSettings | RampSettings | StepSettings | RetireSettings, Field(discriminator="kind")
]


Weight = Annotated[float, Field(ge=0, le=10**9)]


class LossSettings(Settings):
    """Weights of the objectives (0 leaves one out), how they move, and their forms (`learning.objectives.FORMS`)."""

    lm: Weight
    age: Weight
    age_form: Literal["states", "consistency"]
    sex: Weight
    sex_form: Literal["states", "consistency"]
    sex_pool: Literal["codes", "all"]
    cooccur: Weight
    cooccur_form: Literal["expected", "observed", "npmi"]
    cooccur_threshold: float = Field(gt=0)
    age_matching: Weight
    diversity: Weight
    diversity_form: Literal["unigram", "rare"]
    weighting: Literal["fixed", "uncertainty", "gradnorm", "dwa", "pcgrad"]
    schedules: dict[str, ScheduleSettings]

    def weights(self) -> dict[str, float]:
        """The weights above 0, by objective."""
        return {name: weight for name in WEIGHTS if (weight := getattr(self, name)) > 0}

    @model_validator(mode="after")
    def _something_to_weigh(self) -> Self:
        if not self.weights():
            raise ValueError(f"every weight is 0, nothing to train: set one of {', '.join(WEIGHTS)} above 0")
        for name, schedule in self.schedules.items():
            if name not in WEIGHTS:
                raise ValueError(f"schedules: unknown objective {name!r}; known: {', '.join(WEIGHTS)}")
            if schedule.kind == "retire" and name not in WITH_CHANCE:
                raise ValueError(
                    f"schedules.{name}: retire needs a chance level, which {', '.join(WITH_CHANCE)} have; use step"
                )
        return self


class TrainSettings(Settings):
    """How the model is fitted; `device`, `precision` and `threads` say on what."""

    epochs: int = Field(ge=1, le=1_000_000)
    batch_tokens: int = Field(ge=64, le=10**9)
    accumulation: int = Field(ge=1, le=1_000_000)
    learning_rate: float = Field(gt=0, le=1_000)
    warmup: float = Field(ge=0, le=1)
    weight_decay: float = Field(ge=0, le=1_000)
    code_prior: float | None = Field(gt=0)
    category_prior: float | None = Field(gt=0)
    table_rate: float = Field(gt=0)
    logit_adjustment: bool
    clip: float = Field(gt=0)
    order: Literal["position", "frequency", "shuffled"]
    mask_repeats: bool
    precision: Literal["auto", "fp32", "bf16"]
    device: Literal["auto", "cpu", "cuda"]
    threads: int = Field(ge=1, le=4_096)


class SamplingSettings(Settings):
    """How patients are drawn from a trained model."""

    patients: int = Field(ge=1, le=10**9)
    samples: int = Field(ge=1, le=1000)
    seed: Seed
    demographics: bool
    table: str | None
    greedy: bool
    temperature: float = Field(gt=0)
    top_p: float = Field(gt=0, le=1)
    no_repeats: bool
    rule_edits: bool
    max_tokens: int = Field(ge=4, le=1_000_000)
    batch_patients: int = Field(ge=1, le=10**9)


VARIED: dict[str, type[Settings]] = {
    "model": ModelSettings,
    "loss": LossSettings,
    "train": TrainSettings,
    "sampling": SamplingSettings,
}
"""The sections that a variant may override."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a training ends with, besides the data."""

    model: ModelSettings
    loss: LossSettings
    train: TrainSettings
    seed: int

    @classmethod
    def from_resolved(cls, resolved: dict[str, Any], variant: str, seed: int) -> Self:
        """The recipe of a variant in resolved.yaml.

        Raises:
            ParamsError: If the variant is not there; the known ones are listed.
        """
        parts = effective(resolved, variant)
        where = f"resolved.yaml: effective.{variant}"
        return cls(
            section(parts, "model", ModelSettings, where),
            section(parts, "loss", LossSettings, where),
            section(parts, "train", TrainSettings, where),
            seed,
        )


def effective(resolved: dict[str, Any], variant: str) -> dict[str, Any]:
    """The effective configuration of a variant in resolved.yaml.

    Raises:
        ParamsError: If the variant is not there; the known ones are listed.
    """
    known = resolved.get("effective")
    known = known if isinstance(known, dict) else {}
    if variant not in known:
        raise ParamsError(f"resolved.yaml: no variant '{variant}'; known: {', '.join(known)}; run `dvc repro resolve`")
    return known[variant]
