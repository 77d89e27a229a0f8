"""Parameters of this room: which patients, and how they become sequences."""

from typing import Literal, Self

from pydantic import Field, model_validator

from ehrgen.core.params import Settings


class SplitSettings(Settings):
    """Shares of the patients; `heldout` is the reference, `heldout2` the disjoint sample behind every floor."""

    train: float = Field(gt=0, lt=1)
    validation: float = Field(gt=0, lt=1)
    heldout: float = Field(gt=0, lt=1)
    heldout2: float = Field(gt=0, lt=1)

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        total = sum(share for _, share in self)
        if abs(total - 1) > 1e-9:
            raise ValueError(f"the shares must add up to 1, not {total:g}")
        return self


class CohortSettings(Settings):
    """`path`: the simulator's parameter file, or the folder or file of the source (`readers.kinds` has the others)."""

    source: Literal["simulated", "mimic3", "mimic4", "mimic4_mapped", "meds", "omop", "nhds", "long"]
    path: str = Field(min_length=1)
    patients: int | None = Field(gt=0)
    seed: int = Field(ge=0)
    split: SplitSettings


class SequenceSettings(Settings):
    """`min_count`: codes rarer than this in the training split are kept at category level."""

    min_count: int = Field(ge=1)
    max_tokens: int = Field(ge=8)
