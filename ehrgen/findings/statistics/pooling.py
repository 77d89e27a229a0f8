"""Paired differences of variants that are alike in all but the loss: they share one estimate of the chance in them.

Seeds are blocks and variants treatments: what is left of a metric once each variant and each seed has its mean is
chance. It is estimated from all variants together, (V - 1)(S - 1) degrees of freedom in place of S - 1, so that three
seeds say more. That assumes that the chance is as large in one variant as in another. Variants with another model,
another training or another sampler are left out, and judged by their own spread, and so is one whose spread is out of
all proportion, such as that of a loss so heavy that some seeds collapse. What the assumption costs where it is wrong
was tried: docs/verdicts.md.

Sources:
    Fisher (1935), The Design of Experiments, chapter IV: randomised blocks.
    Cochran (1941), The distribution of the largest of a set of estimated variances,
    https://doi.org/10.1111/j.1469-1809.1941.tb02271.x; its critical values by F as in ISO 5725-2.
"""

import math
from collections.abc import Collection, Mapping

import numpy as np
from scipy.special import fdtri

from ehrgen.findings.statistics.intervals import Estimate, paired_difference, t_quantile
from ehrgen.metrics.table.suite import METRICS

Key = tuple[str, str]  # (variant, metric)
OUT_OF_PROPORTION = 0.001


def differences(
    values: Mapping[Key, Mapping[int, float]], reference: str, alike: Collection[str] = ()
) -> dict[Key, Estimate]:
    """(variant, metric) -> difference from the reference, where both have a seed in common.

    Args:
        values: (variant, metric) -> seed -> value.
        alike: Variants that differ from the reference in their loss alone.
    """
    found: dict[Key, Estimate] = {}
    for metric in dict.fromkeys(metric for _, metric in values):
        base = values.get((reference, metric))
        if base is None:
            continue
        rows = {variant: by_seed for (variant, name), by_seed in values.items() if name == metric}
        candidates = {name: row for name, row in rows.items() if name == reference or name in alike}
        pool = in_proportion({name: row for name, row in candidates.items() if row.keys() == base.keys()})
        chance = pooled_chance(pool, base) if reference in pool else None
        for variant, by_seed in rows.items():
            own = paired_difference(by_seed, base) if variant != reference else None
            if own is not None:
                found[variant, metric] = chance.of(own) if chance and variant in pool else own
    return {key: found[key] for key in values if key in found}


def bounded(values: Mapping[Key, Mapping[int, float]]) -> dict[Key, Mapping[int, float]]:
    """An R2 below 0 as 0: a generator worse than the mean of real patients has no skill, how much worse says nothing.

    Example:
        >>> bounded({("a", "pair_r2"): {0: -9.0, 1: 0.5}, ("a", "coverage"): {0: 0.5}})
        {('a', 'pair_r2'): {0: 0.0, 1: 0.5}, ('a', 'coverage'): {0: 0.5}}
    """
    no_skill = {name for name, metric in METRICS.items() if metric.unit == "R2" and metric.better == "higher"}
    return {
        key: {seed: max(0.0, value) for seed, value in row.items()} if key[1] in no_skill else row
        for key, row in values.items()
    }


class Chance:
    """The variance of a value around the means of its variant and its seed.

    Example:
        >>> Chance(0.5, freedom=4).of(Estimate(1.0, 9.0, 3)).half_width < 9
        True
    """

    def __init__(self, variance: float, freedom: int) -> None:
        self.variance, self.freedom = variance, freedom

    def of(self, own: Estimate) -> Estimate:
        """The difference with this chance in place of its own; none at all stays none: the two are one training."""
        if own.half_width is None or (own.mean == 0 and own.half_width == 0):
            return own
        error = math.sqrt(2 * self.variance / own.seeds)
        return Estimate(own.mean, t_quantile(self.freedom) * error, own.seeds, self.freedom)


def in_proportion(rows: Mapping[str, Mapping[int, float]]) -> dict[str, Mapping[int, float]]:
    """Without those whose spread around the means of the seeds is larger than that of the others beyond chance (0.1 %).

    One after the other, the largest first, as long as three are left (Cochran's test).
    """
    kept = dict(rows)
    while len(kept) > 3 and len(next(iter(kept.values()))) > 1:
        table = np.array([[row[seed] for seed in next(iter(kept.values()))] for row in kept.values()])
        middle = table - table.mean(axis=1, keepdims=True)
        left = middle - np.median(middle, axis=0, keepdims=True)  # the median, as one that is wild moves every mean
        variances = np.square(left).sum(axis=1)
        largest, others = int(variances.argmax()), len(kept) - 1
        f = float(fdtri(table.shape[1] - 1, others * (table.shape[1] - 1), 1 - OUT_OF_PROPORTION / len(kept)))
        if variances[largest] <= variances.sum() / (1 + others / f):
            break
        del kept[list(kept)[largest]]
    return kept


def pooled_chance(rows: Mapping[str, Mapping[int, float]], base: Mapping[int, float]) -> Chance | None:
    """The chance of a metric in all variants that have the seeds of `base`; None if there are fewer than three.

    Variants with the same value in every seed are one: a loss without a gradient trains what no loss trains.
    """
    table = np.array([[row[seed] for seed in base] for row in rows.values() if row.keys() == base.keys()])
    if len(base) < 2 or len(table) < 3 or len(table := np.unique(table, axis=0)) < 3:
        return None
    left = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0, keepdims=True) + table.mean()
    freedom = (table.shape[0] - 1) * (table.shape[1] - 1)
    return Chance(float(np.square(left).sum() / freedom), freedom)
