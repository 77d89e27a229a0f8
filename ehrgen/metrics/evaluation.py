"""All metrics of one synthetic cohort, at equal numbers of patients."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from ehrgen.core import costs
from ehrgen.data.cohort import Cohort
from ehrgen.data.disclosure import SMALLEST_SHOWN
from ehrgen.data.simulation.simulator import Simulator
from ehrgen.metrics.families.likelihood import Likelihood
from ehrgen.metrics.table.scores import Scores
from ehrgen.metrics.table.suite import AVERAGED, METRICS, NotJudged, count, function

ABSENT = {  # of optional data: what its absence means
    "train": "not applicable: it needs the patients that the generator was trained on",
    "truth": "no exact truth: the cohort is not simulated",
    "likelihood": "the generator states no likelihood",
}


@dataclass(frozen=True)
class EvaluationData:
    """Equally many patients of each kind; a metric takes those parts that its entry in the suite names.

    Attributes:
        heldout: Real patients that no generator has seen.
        synthetic: The patients to be judged.
        train: Real patients that the generator has learnt from, where they are known.
        truth: The process that all real patients come from, where it is known.
        likelihood: What the generator thinks of real patients, where it says so.
        copies: Whether the patients to be judged are real ones, or hold copies of them: small counts stay hidden.
    """

    heldout: Cohort
    synthetic: Cohort
    train: Cohort | None
    truth: Simulator | None = None
    copies: bool = False
    likelihood: Likelihood | None = None

    @classmethod
    def of(
        cls,
        heldout: Cohort,
        synthetic: Cohort,
        train: Cohort | None,
        patients: int,
        seed: int,
        truth: Simulator | None = None,
        copies: bool = False,
    ) -> Self:
        """As many patients of each, at most `patients`: almost every metric depends on the sample's size.

        The real samples depend on the seed and the size alone, so that every run meets the same real patients.
        """
        n = min(patients, *(len(cohort) for cohort in (heldout, synthetic, train) if cohort is not None))
        heldout = heldout.sample(n, np.random.default_rng([seed, 0]))
        synthetic = synthetic.sample(n, np.random.default_rng([seed, 1]))
        train = train if train is None else train.sample(n, np.random.default_rng([seed, 2]))
        return cls(heldout, synthetic, train, truth, copies)

    def __post_init__(self) -> None:
        trained = len(self.synthetic) if self.train is None else len(self.train)
        if len({len(self.heldout), len(self.synthetic), trained}) > 1:
            raise ValueError(
                f"{len(self.heldout)} held-out, {len(self.synthetic)} synthetic and {trained} training "
                "patients do not compare; sample equally many"
            )

    def judging(self, synthetic: Cohort, copies: bool) -> Self:
        """The same with other patients to be judged."""
        return replace(self, synthetic=synthetic, copies=copies)

    def sampled(self, synthetic: Cohort, seed: int) -> Cohort:
        """As many patients of another sample, drawn as `of` draws them."""
        return synthetic.sample(len(self), np.random.default_rng([seed, 1]))

    def __len__(self) -> int:
        return len(self.synthetic)


def evaluate(data: EvaluationData, metrics: Iterable[str] = METRICS) -> Scores:
    """Every metric of the suite, or of these, or the reason why it has no value."""
    values, reasons = {}, {}
    for name in metrics:
        try:
            with costs.part(METRICS[name].family):
                values[name] = value(name, data)
        except NotJudged as reason:
            reasons[name] = str(reason)
    return Scores(values, reasons, len(data))


def evaluate_samples(data: EvaluationData, further: Iterable[Cohort]) -> Scores:
    """The mean over several samples of one generator, that of `data` and others as large; see `suite.AVERAGED`."""
    return Scores.mean([evaluate(data), *(evaluate(data.judging(sample, data.copies), AVERAGED) for sample in further)])


def value(name: str, data: EvaluationData) -> float:
    """One metric of the suite.

    Raises:
        NotJudged: If the patients are too few, a part of the data is absent, the value would count 1 to 10 real
            patients, or there is nothing to compute.
    """
    minimum, n = METRICS[name].minimum, len(data)
    if n < minimum:
        raise NotJudged(f"floor too low to judge: needs {minimum:,} patients, has {n:,}")
    return computed(name, data)


def computed(name: str, data: EvaluationData) -> float:
    """One metric of the suite, however few the patients.

    Raises:
        NotJudged: As `value`, but for the number of patients.
    """
    metric = METRICS[name]
    parts = {part: getattr(data, part) for part in metric.uses}
    for part, content in parts.items():
        if content is None:
            raise NotJudged(ABSENT[part])
    if data.copies and metric.counts and 0 < count(name)(data.synthetic) < SMALLEST_SHOWN:
        raise NotJudged(f"suppressed: it would count fewer than {SMALLEST_SHOWN} real patients")
    return function(name)(*parts.values())
