"""What a reader must know to use one number: the entry of a metric in the suite."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """One metric, without its function.

    Attributes:
        family: The module that holds the function.
        unit: Of the value; `share` and `R2` are pure numbers.
        low, high: The range, ends included.
        better: Which way is better; `match`: closer to `ideal` on either side.
        ideal: Value of a perfect generator; None: the value that real patients have (see the floor).
        minimum: Fewest patients for which the value means something.
        source: Where the definition comes from.
        headline: Whether `dvc metrics show` prints it; at most 12 are.
        floor_at_least: If two real samples do not even reach this, the sample is too small to judge.
        beside: The metric that means nothing without this one.
        uses: The parts of the evidence that the function takes, in order.
        counts: The function of the same module, Cohort -> int, that says how many patients the value counts; of
            real patients, 1 to 10 are not published.
    """

    family: str
    unit: str
    low: float
    high: float
    better: Literal["higher", "lower", "match"]
    ideal: float | None
    minimum: int
    source: str
    headline: bool = False
    floor_at_least: float | None = None
    beside: str = ""
    uses: tuple[str, ...] = ("heldout", "synthetic")
    counts: str = ""

    def gap(self, value: float, target: float) -> float:
        """How much worse than `target` a value is; below 0 if it is better, which it cannot be by `match`."""
        if self.better == "match":
            return abs(value - target)
        return target - value if self.better == "higher" else value - target
