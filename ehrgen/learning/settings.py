"""Parameters of this room: the model, its losses, its training and its sampling. Imports no torch."""

from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import Field

from ehrgen.params import ParamsError, Settings, section


class ModelSettings(Settings):
    """Size and form of the prompt-conditioned BART."""

    pretrained: str | None
    layers: int = Field(ge=1)
    d_model: int = Field(ge=8)
    heads: int = Field(ge=1)
    feed_forward: int = Field(ge=8)
    dropout: float = Field(ge=0, lt=1)
    prompt_width: int = Field(ge=1)
    prompt_encoder: bool
    prompt_decoder: bool
    prompt_output: bool
    visit_output: bool
    encoder_input: Literal["prompt", "corrupted", "record"]
    corruption: float = Field(ge=0, le=1)
    hierarchy: Literal["factored", "flat", "category"]


class LossSettings(Settings):
    """Weights of the objectives (0 leaves one out) and the form each takes."""

    lm: float = Field(ge=0)
    age: float = Field(ge=0)
    sex: float = Field(ge=0)
    cooccur: float = Field(ge=0)
    cooccur_form: Literal["expected", "observed"]
    cooccur_threshold: float = Field(gt=0)
    sex_pool: Literal["codes", "all"]


class TrainSettings(Settings):
    """How the model is fitted; `device`, `precision` and `threads` say on what."""

    epochs: int = Field(ge=1)
    batch_tokens: int = Field(ge=64)
    learning_rate: float = Field(gt=0)
    warmup: float = Field(ge=0, le=1)
    weight_decay: float = Field(ge=0)
    clip: float = Field(gt=0)
    order: Literal["position", "frequency", "shuffled"]
    mask_repeats: bool
    precision: Literal["auto", "fp32", "bf16"]
    device: Literal["auto", "cpu", "cuda"]
    threads: int = Field(ge=1)


class SamplingSettings(Settings):
    """How patients are drawn from a trained model."""

    patients: int = Field(ge=1)
    seed: int = Field(ge=0)
    demographics: bool
    table: str | None
    greedy: bool
    temperature: float = Field(gt=0)
    top_p: float = Field(gt=0, le=1)
    no_repeats: bool
    rule_edits: bool
    max_tokens: int = Field(ge=4)
    batch_patients: int = Field(ge=1)


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
    known = resolved.get("effective", {})
    if variant not in known:
        raise ParamsError(f"resolved.yaml: no variant '{variant}'; known: {', '.join(known)}; run `dvc repro resolve`")
    return known[variant]
