"""Parameters of this room: which patients, and how they become sequences."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from ehrgen.core.params import Seed, Settings


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
    """`files`: the one file of the source, or its tables; `readers.kinds` has the sources."""

    source: Literal["simulated", "mimic3", "mimic4", "mimic4_mapped", "meds", "omop", "nhds", "long"]
    files: list[str] = Field(min_length=1)
    patients: int | None = Field(gt=0, le=10**9)
    seed: Seed
    split: SplitSettings

    @field_validator("files")
    @classmethod
    def _named_safely(cls, files: list[str]) -> list[str]:
        """DVC puts each into a command and into the name of a file below data/source."""
        for file in files:
            if not file or not file.isprintable() or set(file) & set("'\"\\$`") or ".." in file.split("/"):
                raise ValueError(f"{file!r} is empty or holds a quote, $, \\ or ..; rename it or write its full path")
        if len(set(files)) != len(files):
            raise ValueError("must not repeat a file")
        return files


class SequenceSettings(Settings):
    """`min_count`: codes rarer than this in the training split are kept at category level."""

    min_count: int = Field(ge=1, le=10**9)
    max_tokens: int = Field(ge=8, le=1_000_000)
