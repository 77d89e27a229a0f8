"""Do synthetic patients lie where real ones lie, and everywhere they do? On a fixed embedding, with nearest neighbours.

Axes: P patients, D coordinates. Points on the edge of a ball are half inside: ties count one half.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from ehrgen.data.cohort import Cohort
from ehrgen.metrics.cohorts import fingerprints
from ehrgen.metrics.cohorts.cache import remembered
from ehrgen.metrics.cohorts.embedding import median_distance, points, squared_distances
from ehrgen.metrics.table.suite import NotJudged

NEIGHBOURS = 5
PERMUTED, PERMUTATIONS = 500, 499  # patients of either cohort, and how often they are dealt anew


@dataclass(frozen=True)
class Balls:
    """How far the points of one cohort lie within the balls around those of the other, 0 to 1 or a count.

    Axes: P real and S synthetic points.

    Attributes:
        synthetic_inside: Whether each synthetic point lies in any ball around a real one.
        real_inside: Whether each real point lies in any ball around a synthetic one.
        synthetic_count: In how many balls around real points each synthetic one lies.
        occupied: Whether the ball around each real point holds any synthetic one.
    """

    synthetic_inside: Float[ndarray, " S"]
    real_inside: Float[ndarray, " P"]
    synthetic_count: Float[ndarray, " S"]
    occupied: Float[ndarray, " P"]


def precision(real: Cohort, synthetic: Cohort, train: Cohort) -> float:
    """Share of synthetic patients within reach of a real one: no farther than its 5th nearest real neighbour.

    Good is the floor, which is far from 1; below it patients are unlike any real one. Above it they are too typical:
    20 average patients over and over win it and lose `recall`; outliers have large balls, see `density`.
    """
    return float(_balls(real, synthetic, train).synthetic_inside.mean())


def recall(real: Cohort, synthetic: Cohort, train: Cohort) -> float:
    """Share of real patients within reach of a synthetic one: no farther than its 5th nearest synthetic neighbour.

    Good is the floor; a collapsed generator is near 0. A few absurd outliers have large balls that hold everybody and
    can push it above the floor: `ball_coverage` does not fall for that; copies pass.
    """
    return float(_balls(real, synthetic, train).real_inside.mean())


def density(real: Cohort, synthetic: Cohort, train: Cohort) -> float:
    """In how many balls around real patients a synthetic one lies, on average, over the number of neighbours.

    Good is the floor, about 1; 0 is bad: far from everybody. Patients from the crowded middle alone push it above the
    floor, so both sides count; copies pass.
    """
    return float(_balls(real, synthetic, train).synthetic_count.mean() / NEIGHBOURS)


def ball_coverage(real: Cohort, synthetic: Cohort, train: Cohort) -> float:
    """Share of real patients who have a synthetic one among, or nearer than, their 5 nearest real neighbours.

    Good is the floor, near 1; a collapsed generator is near 0, and outliers cannot help it. Independent codes miss the
    crowded places and are bad too; copies of training patients pass.
    """
    return float(_balls(real, synthetic, train).occupied.mean())


def mmd(real: Cohort, synthetic: Cohort, train: Cohort) -> float:
    """Maximum mean discrepancy, squared and unbiased: 0 on average for two samples of one distribution.

    Gaussian kernel on the embedding, its width the median distance of training patients, the same for every
    generator. Good is as small as the floor; the larger the worse, without a unit: compare, and see `mmd_p`. Copies
    pass, and it may fall a little below 0 by chance.
    """
    width, ours, theirs = median_distance(train), points(train, real), points(train, synthetic)
    within = _mean_kernel(ours, ours, width, True) + _mean_kernel(theirs, theirs, width, True)
    return within - 2 * _mean_kernel(ours, theirs, width, False)


def mmd_p(real: Cohort, synthetic: Cohort, train: Cohort) -> float:
    """Share of random divisions of 500 real and 500 synthetic patients with as large a discrepancy, 0.002 to 1.

    Good is anything above 0.05: for a perfect generator all values are equally likely, so do not rank by it. Small
    means that 500 patients are enough to notice a difference; copies pass. Equal values count in full, as they must
    for a test to be valid.
    """
    parts = [points(train, cohort)[fingerprints.subset(cohort, PERMUTED)] for cohort in (real, synthetic)]
    pooled = np.concatenate(parts)
    distances = np.concatenate(list(squared_distances(pooled, pooled)))
    return permutation_p(np.exp(distances / (-2 * median_distance(train))))


def radii(where: Float[ndarray, "P D"]) -> Float[ndarray, " P"]:
    """Squared distance of each point to the 5th nearest other one.

    Raises:
        NotJudged: If there are not so many others.
    """
    if len(where) <= NEIGHBOURS:
        raise NotJudged(f"{len(where)} patients have no {NEIGHBOURS} neighbours each")
    # a point's distance of 0 to itself is the smallest, or one of them; a copy, as a view would keep the whole block
    return np.concatenate(
        [np.partition(block, NEIGHBOURS, axis=1)[:, NEIGHBOURS].copy() for block in squared_distances(where, where)]
    )


def balls(
    ours: Float[ndarray, "P D"],
    theirs: Float[ndarray, "S D"],
    our_radius: Float[ndarray, " P"],
    their_radius: Float[ndarray, " S"],
) -> Balls:
    """Which real and synthetic points lie in which balls, given their places and squared radii."""
    inside, count, start = [], [], 0
    real_inside, nearest = np.zeros(len(ours)), np.full(len(ours), np.inf)
    for block in squared_distances(theirs, ours):
        own = their_radius[start : start + len(block), None]
        within = _inside(block, our_radius)
        inside.append(within.max(axis=1))
        count.append(within.sum(axis=1))
        real_inside = np.maximum(real_inside, _inside(block, own).max(axis=0))
        nearest = np.minimum(nearest, block.min(axis=0))
        start += len(block)
    return Balls(np.concatenate(inside), real_inside, np.concatenate(count), _inside(nearest, our_radius))


def permutation_p(kernel: Float[ndarray, "N N"]) -> float:
    """Share of random halves, the given one among them, whose discrepancy is at least that of the given halves.

    Args:
        kernel: Similarity of all points, the first half of them of one kind, the second of the other.
    """
    sides = np.repeat([1.0, -1.0], len(kernel) // 2)[:, None] * np.ones(PERMUTATIONS + 1)
    sides[:, 1:] = np.random.default_rng(0).permuted(sides[:, 1:], axis=0)
    # at equal sizes the unbiased statistic rises in a straight line with the sum of like minus unlike pairs
    statistic = np.einsum("ib,ib->b", sides, kernel @ sides).round(6)
    return float((statistic >= statistic[0]).mean())


@remembered
def _radii(train: Cohort, cohort: Cohort) -> Float[ndarray, " P"]:
    return radii(points(train, cohort))


@remembered
def _balls(real: Cohort, synthetic: Cohort, train: Cohort) -> Balls:
    return balls(points(train, real), points(train, synthetic), _radii(train, real), _radii(train, synthetic))


def _inside(distance: Float[ndarray, "..."], radius: Float[ndarray, "..."]) -> Float[ndarray, "..."]:
    return (distance < radius) + 0.5 * (distance == radius)


def _mean_kernel(first: Float[ndarray, "A D"], second: Float[ndarray, "B D"], width: float, same: bool) -> float:
    """Mean of exp(-d^2 / (2 width)) over pairs; over those of different patients if both are the same cohort."""
    total = sum(float(np.exp(block / (-2 * width)).sum()) for block in squared_distances(first, second))
    if same and len(first) < 2:
        raise NotJudged("one patient has no pair to be compared with")
    return (total - len(first)) / (len(first) * (len(first) - 1)) if same else total / (len(first) * len(second))
