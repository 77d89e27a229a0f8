"""All metrics of one synthetic cohort, at equal numbers of patients."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from ehrgen.data.cohort import Cohort
from ehrgen.metrics.suite import METRICS, NotJudged, Scores, function


@dataclass(frozen=True)
class Evidence:
    """Equally many patients of each kind; a metric takes those parts that its entry in the suite names.

    Attributes:
        heldout: Real patients that no generator has seen.
        synthetic: The patients to be judged.
        train: Real patients that the generator has learnt from.
    """

    heldout: Cohort
    synthetic: Cohort
    train: Cohort

    @classmethod
    def of(cls, heldout: Cohort, synthetic: Cohort, train: Cohort, patients: int, seed: int) -> Self:
        """As many patients of each, at most `patients`: almost every metric depends on the sample's size.

        The real samples depend on the seed and the size alone, so that every run meets the same real patients.
        """
        n = min(patients, len(heldout), len(synthetic), len(train))
        drawn = [
            cohort.sample(n, np.random.default_rng([seed, number]))
            for number, cohort in enumerate((heldout, synthetic, train))
        ]
        return cls(*drawn)

    def __post_init__(self) -> None:
        if len({len(self.heldout), len(self.synthetic), len(self.train)}) > 1:
            raise ValueError(
                f"{len(self.heldout)} held-out, {len(self.synthetic)} synthetic and {len(self.train)} training "
                "patients do not compare; sample equally many"
            )

    def __len__(self) -> int:
        return len(self.synthetic)


def evaluate(evidence: Evidence) -> Scores:
    """Every metric of the suite, or the reason why it has no value."""
    n = len(evidence)
    values, reasons = {}, {}
    for name, metric in METRICS.items():
        if n < metric.minimum:
            reasons[name] = f"floor too low to judge: needs {metric.minimum:,} patients, has {n:,}"
            continue
        try:
            values[name] = function(name)(*(getattr(evidence, part) for part in metric.uses))
        except NotJudged as reason:
            reasons[name] = str(reason)
    return Scores(values, reasons, n)
