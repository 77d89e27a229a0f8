"""Do synthetic patients lie where real ones lie, and everywhere they do? On a fixed embedding, with nearest neighbours.

Axes: P patients, D coordinates. Points on the edge of a ball are half inside: ties count one half.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from ehrgen.data.cohort import Cohort
from ehrgen.metrics.cohorts import fingerprints
from ehrgen.metrics.cohorts.cache import remembered
from ehrgen.metrics.cohorts.embedding import DIGITS, median_distance, points, rounded, squared_distances, tiles
from ehrgen.metrics.cohorts.handed_on import of_real_patients
from ehrgen.metrics.table.suite import NotJudged

NEIGHBOURS = 5
HALVED = 4096  # patients at a time of a table that is its own mirror image
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
    return _kernel_within(train, real) + _kernel_within(train, synthetic) - 2 * _mean_kernel(ours, theirs, width)


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

    The first tile of a row of tiles tells how far the 5th neighbour is at most; of the others only points within that
    reach are looked at.

    Raises:
        NotJudged: If there are not so many others.
    """
    if len(where) <= NEIGHBOURS:
        raise NotJudged(f"{len(where)} patients have no {NEIGHBOURS} neighbours each")
    found = np.empty(len(where))
    reach, near = np.empty(0), Near([], [])
    for rows, columns, tile in tiles(where, where):
        if columns.start == 0:
            near = Near([], [])
            reach = _smallest(tile, NEIGHBOURS)
        near.add(tile, tile <= reach[:, None])
        if columns.stop == len(where):
            found[rows] = near.of_rank(NEIGHBOURS)  # a point's distance of 0 to itself is the smallest, or one of them
    return found


@dataclass(frozen=True)
class Near:
    """Those squared distances of a row of tiles that are small enough to be looked at, and their rows."""

    rows: list[Int[ndarray, " n"]]
    squared: list[Float[ndarray, " n"]]

    def add(self, tile: Float[ndarray, "a b"], wanted: Bool[ndarray, "a b"]) -> None:
        """Take these out of a tile."""
        place = np.flatnonzero(wanted)
        self.rows.append(place // tile.shape[1])
        self.squared.append(rounded(tile.ravel()[place]))

    def of_rank(self, rank: int) -> Float[ndarray, " a"]:
        """The distance in each row than which `rank` others are smaller or equal."""
        rows, squared = np.concatenate(self.rows), np.concatenate(self.squared)
        order = np.lexsort((squared, rows))
        first = np.searchsorted(rows[order], np.arange(rows.max() + 1))
        return squared[order][first + rank]


def balls(
    ours: Float[ndarray, "P D"],
    theirs: Float[ndarray, "S D"],
    our_radius: Float[ndarray, " P"],
    their_radius: Float[ndarray, " S"],
) -> Balls:
    """Which real and synthetic points lie in which balls, given their places and squared radii.

    Only pairs within the larger of the two radii are looked at.
    """
    synthetic_inside, synthetic_count = np.zeros((2, len(theirs)))
    real_inside, occupied = np.zeros((2, len(ours)))
    margin = 10.0**-DIGITS  # by which rounding may bring a point inside
    our_reach, their_reach = our_radius + margin, their_radius[:, None] + margin
    for rows, columns, tile in tiles(theirs, ours):
        place = np.flatnonzero((tile <= our_reach[columns]) | (tile <= their_reach[rows]))
        squared, (row, column) = rounded(tile.ravel()[place]), np.divmod(place, tile.shape[1])
        row, column = row + rows.start, column + columns.start
        in_ours, in_theirs = _inside(squared, our_radius[column]), _inside(squared, their_radius[row])
        np.maximum.at(synthetic_inside, row, in_ours)
        np.add.at(synthetic_count, row, in_ours)
        np.maximum.at(real_inside, column, in_theirs)
        np.maximum.at(occupied, column, in_ours)
    return Balls(synthetic_inside, real_inside, synthetic_count, occupied)


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
@of_real_patients
def _radii(train: Cohort, cohort: Cohort) -> Float[ndarray, " P"]:
    return radii(points(train, cohort))


@remembered
@of_real_patients
def _kernel_within(train: Cohort, cohort: Cohort) -> float:
    return _mean_kernel_within(points(train, cohort), median_distance(train))


@remembered
def _balls(real: Cohort, synthetic: Cohort, train: Cohort) -> Balls:
    return balls(points(train, real), points(train, synthetic), _radii(train, real), _radii(train, synthetic))


def _inside(distance: Float[ndarray, "..."], radius: Float[ndarray, "..."]) -> Float[ndarray, "..."]:
    return (distance < radius) + 0.5 * (distance == radius)


def _mean_kernel(first: Float[ndarray, "A D"], second: Float[ndarray, "B D"], width: float) -> float:
    """Mean of exp(-d^2 / (2 width)) over the pairs of two cohorts."""
    return sum(_kernel_sum(tile, width) for _, _, tile in tiles(first, second)) / (len(first) * len(second))


def _mean_kernel_within(points: Float[ndarray, "A D"], width: float) -> float:
    """As `_mean_kernel`, over the pairs of different patients of one cohort.

    Raises:
        NotJudged: If there is no pair.
    """
    n, total = len(points), 0.0
    if n < 2:
        raise NotJudged("one patient has no pair to be compared with")
    for start in range(0, n, HALVED):  # each square on the diagonal, and once what lies to the right of it
        own, others = points[start : start + HALVED], points[start + HALVED :]
        total += sum(_kernel_sum(tile, width) for _, _, tile in tiles(own, own))
        total += 2 * sum(_kernel_sum(tile, width) for _, _, tile in tiles(own, others))
    return (total - n) / (n * (n - 1))


def _kernel_sum(tile: Float[ndarray, "a b"], width: float) -> float:
    """Sum of exp(-d^2 / (2 width)) over a tile of squared distances, which is overwritten."""
    tile /= -2 * width
    return float(np.exp(tile, out=tile).sum())


def _smallest(tile: Float[ndarray, "a b"], rank: int) -> Float[ndarray, " a"]:
    """The value in each row than which `rank` others are smaller or equal; infinite if a row has not so many."""
    if tile.shape[1] <= NEIGHBOURS:
        return np.full(len(tile), np.inf)
    return np.partition(tile, rank, axis=1)[:, rank]
