"""Parameters of this room: which variants and seeds make up the ablation."""

from pydantic import Field, field_validator

from ehrgen.params import Settings


class AblationSettings(Settings):
    """`reference` is what every variant is compared with; `headline` is the variant of reports/headline.json."""

    run: list[str] = Field(min_length=1)
    seeds: list[int] = Field(min_length=1)
    reference: str
    headline: str

    @field_validator("run", "seeds")
    @classmethod
    def _unique(cls, values: list) -> list:
        if len(set(values)) != len(values):
            raise ValueError("must not repeat an entry")
        return values
