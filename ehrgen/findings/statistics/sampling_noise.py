"""How much of what differs between trainings is only that other patients were drawn from the models.

Of every model several samples are measured, and their mean is the model's value. The variance of that value over seeds
has two parts: the variance over samples / their number, which more samples take away, and the rest, which only more
trainings tell. The same holds of a difference between two models of one seed, whose samples are of the same people.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from statistics import fmean, variance
from typing import Any

from ehrgen.metrics.table.scores import Scores, rounded

MOSTLY = 0.5  # of the variance


@dataclass(frozen=True)
class Noise:
    """Of one metric.

    Attributes:
        samples: Of each model.
        over_samples: Standard deviation of the value of one sample, between samples of one model.
        over_seeds: Standard deviation of the value of a model between seeds, without what its samples add.
        share: Of the variance of the differences between models of one seed, how much is sampling, 0 to 1.
    """

    samples: int
    over_samples: float
    over_seeds: float
    share: float

    @property
    def mostly_sampling(self) -> bool:
        """Whether more samples of each model would narrow an interval more than more seeds."""
        return self.share > MOSTLY

    def content(self) -> dict[str, float | bool]:
        """What JSON holds."""
        numbers = {name: rounded(getattr(self, name)) for name in ("over_samples", "over_seeds", "share")}
        return {"samples": self.samples, **numbers, "mostly_sampling": self.mostly_sampling}

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> "Noise":
        """What `content` wrote."""
        return cls(*(content[name] for name in ("samples", "over_samples", "over_seeds", "share")))


def sampling_noise(
    runs: Mapping[str, Mapping[int, Scores]], reference: str, alike: Collection[str]
) -> dict[str, Noise]:
    """Metric -> noise, over the reference and the variants that differ from it in the loss alone.

    Metrics without several samples of each of two models and two seeds are absent.
    """
    of_alike = {variant: by_seed for variant, by_seed in runs.items() if variant == reference or variant in alike}
    names = dict.fromkeys(name for row in of_alike.values() for one in row.values() for name in one.of_samples)
    found = {name: _noise(name, of_alike, reference) for name in names}
    return {name: noise for name, noise in found.items() if noise is not None}


def _noise(name: str, runs: Mapping[str, Mapping[int, Scores]], reference: str) -> Noise | None:
    values = {
        variant: {seed: one.of_samples[name] for seed, one in by_seed.items() if name in one.of_samples}
        for variant, by_seed in runs.items()
    }
    base = values.pop(reference, {})
    numbers = {len(samples) for row in (base, *values.values()) for samples in row.values()}
    pairs = [_differences(row, base) for row in values.values()]
    pairs = [pair for pair in pairs if len(pair) > 1 and any(map(any, pair))]
    models = [list(row.values()) for row in (base, *values.values()) if len(row) > 1]
    if not pairs or len(numbers) != 1 or (samples := min(numbers)) < 2:
        return None
    of_models, of_pairs = _parts(models), _parts(pairs)
    over_seeds = max(0.0, of_models[1] - of_models[0] / samples) ** 0.5
    share = min(1.0, of_pairs[0] / samples / of_pairs[1]) if of_pairs[1] else 0.0
    return Noise(samples, of_models[0] ** 0.5, over_seeds, share)


def _differences(row: Mapping[int, list[float]], base: Mapping[int, list[float]]) -> list[list[float]]:
    """Seed by seed, sample by sample, from the reference."""
    return [[ours - theirs for ours, theirs in zip(row[seed], base[seed], strict=True)] for seed in row if seed in base]


def _parts(models: Collection[list[list[float]]]) -> tuple[float, float]:
    """Variance over the samples of a model, and variance of the means of models over seeds, each a mean."""
    over_samples = fmean(variance(samples) for model in models for samples in model)
    return over_samples, fmean(variance([fmean(samples) for samples in model]) for model in models)
