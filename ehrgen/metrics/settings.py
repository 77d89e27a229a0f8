"""Parameters of this room: how many patients are compared, and with which seed they are drawn."""

from pydantic import Field

from ehrgen.core.params import Settings


class EvaluateSettings(Settings):
    """`patients`: sample size of every comparison; capped, with a printed line, by the held-out halves."""

    patients: int = Field(ge=1)
    seed: int = Field(ge=0)
    profiles: int = Field(ge=1)
