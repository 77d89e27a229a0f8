"""Parameters of this room: how many patients are compared, and with which seed they are drawn."""

from pydantic import Field

from ehrgen.core.params import Seed, Settings


class EvaluateSettings(Settings):
    """`patients`: sample size of every comparison; capped, with a printed line, by the held-out halves."""

    patients: int = Field(ge=1, le=10**9)
    seed: Seed
    profiles: int = Field(ge=1, le=100_000)
