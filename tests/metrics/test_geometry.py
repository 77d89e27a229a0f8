import tracemalloc

import numpy as np
import pytest
from sklearn.metrics.pairwise import rbf_kernel

from ehrgen.data.cohort import Cohort
from ehrgen.metrics.anchors import generators
from ehrgen.metrics.cohorts import embedding
from ehrgen.metrics.families import geometry
from ehrgen.metrics.table.suite import NotJudged
from tests.support.cohorts import population

TRAIN, REAL, OTHER = population(600, 1), population(600, 2), population(600, 3)
COLLAPSED = generators.collapsed(TRAIN, 600, np.random.default_rng(0))


def balls(monkeypatch: pytest.MonkeyPatch, real: list[float], synthetic: list[float]) -> geometry.Balls:
    """Of points at these places on a line, each ball reaching to the nearest neighbour."""
    monkeypatch.setattr(geometry, "NEIGHBOURS", 1)
    ours, theirs = (np.array(places, dtype=float)[:, None] for places in (real, synthetic))
    return geometry.balls(ours, theirs, geometry.radii(ours), geometry.radii(theirs))


def test_balls_by_hand(monkeypatch: pytest.MonkeyPatch):
    # radii 1, 1, 2, 5 of the real ones; 1.5, 1.5, 0.5, 0.5 of the synthetic ones
    found = balls(monkeypatch, [0, 1, 3, 8], [0.5, 2, 20, 20.5])
    assert found.synthetic_inside.tolist() == [1, 1, 0, 0]
    # 0.5 lies within the first two; 2 on the edge of the second and within the third
    assert found.synthetic_count.tolist() == [2, 1.5, 0, 0]
    assert found.occupied.tolist() == [1, 1, 1, 0]
    assert found.real_inside.tolist() == [1, 1, 1, 0]


def test_points_on_the_edge_count_one_half(monkeypatch: pytest.MonkeyPatch):
    found = balls(monkeypatch, [0, 1], [2, 2])
    assert found.synthetic_inside.tolist() == [0.5, 0.5]
    assert found.occupied.tolist() == [0, 0.5]


def test_radii_hold_a_block_of_distances_at_a_time():
    where = np.random.default_rng(0).normal(size=(12 * embedding.BLOCK, 2))
    tracemalloc.start()
    geometry.radii(where)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < where.itemsize * len(where) ** 2 / 2


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "columns"), [(256, 1024), (64, 100), (7, 601), (31, 13)])
def test_equals_the_table_of_all_distances(rows: int, columns: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(embedding, "ROWS", rows)
    monkeypatch.setattr(embedding, "COLUMNS", columns)
    for synthetic in (OTHER, COLLAPSED):
        ours, theirs = (embedding.points(TRAIN, cohort) for cohort in (REAL, synthetic))
        radius = [geometry.radii(points) for points in (ours, theirs)]
        for points, of in zip((ours, theirs), radius, strict=True):
            table = np.concatenate(list(embedding.squared_distances(points, points)))
            assert of.tolist() == np.sort(table, axis=1)[:, geometry.NEIGHBOURS].tolist()
        inside = lambda table, reach: (table < reach) + 0.5 * (table == reach)  # noqa: E731
        table = np.concatenate(list(embedding.squared_distances(theirs, ours)))
        found = geometry.balls(ours, theirs, *radius)
        assert found.synthetic_inside.tolist() == inside(table, radius[0]).max(axis=1).tolist()
        assert found.synthetic_count.tolist() == inside(table, radius[0]).sum(axis=1).tolist()
        assert found.real_inside.tolist() == inside(table, radius[1][:, None]).max(axis=0).tolist()
        assert found.occupied.tolist() == inside(table.min(axis=0), radius[0]).tolist()


def test_equals_the_definition_of_the_literature():
    """Naeem et al. count the edge as inside; only patients with equal codes lie there."""
    ours, theirs = (embedding.points(TRAIN, cohort) for cohort in (REAL, OTHER))
    apart = lambda a, b: np.sqrt(((a[:, None] - b[None]) ** 2).sum(axis=2)).round(6)  # noqa: E731
    radius = [np.sort(apart(points, points), axis=1)[:, geometry.NEIGHBOURS] for points in (ours, theirs)]
    cross = apart(ours, theirs)
    edge = 0.06  # share of points that may lie on an edge
    expected = {
        "precision": (cross <= radius[0][:, None]).any(axis=0).mean(),
        "recall": (cross <= radius[1][None, :]).any(axis=1).mean(),
        "density": (cross <= radius[0][:, None]).sum(axis=0).mean() / geometry.NEIGHBOURS,
        "ball_coverage": (cross.min(axis=1) <= radius[0]).mean(),
    }
    for name, value in expected.items():
        assert value - edge <= getattr(geometry, name)(REAL, OTHER, TRAIN) <= value + 1e-9


@pytest.mark.parametrize("halved", [100, 4096])
def test_mmd_equals_the_definition(halved: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(geometry, "HALVED", halved)
    ours, theirs = (embedding.points(TRAIN, cohort) for cohort in (REAL, OTHER))
    gamma, n = 1 / (2 * embedding.median_distance(TRAIN)), len(ours)
    within = sum((rbf_kernel(x, gamma=gamma).sum() - n) / (n * (n - 1)) for x in (ours, theirs))
    expected = within - 2 * rbf_kernel(ours, theirs, gamma=gamma).mean()
    fresh = [Cohort(cohort.patients, cohort.diagnoses) for cohort in (REAL, OTHER, TRAIN)]  # nothing remembered
    assert geometry.mmd(*fresh) == pytest.approx(expected, abs=1e-12)


def test_the_p_value_is_that_of_the_unbiased_statistic():
    """The shortcut ranks divisions as the statistic itself does."""
    rng = np.random.default_rng(1)
    kernel = rbf_kernel(np.append(rng.normal(0, 1, 12), rng.normal(1, 1, 12))[:, None], gamma=0.5)
    sides = np.repeat([1, -1], 12)[:, None] * np.ones(geometry.PERMUTATIONS + 1)
    sides[:, 1:] = np.random.default_rng(0).permuted(sides[:, 1:], axis=0)
    statistics = []
    for side in sides.T:
        x, y = side > 0, side < 0
        within = sum((kernel[np.ix_(z, z)].sum() - 12) / (12 * 11) for z in (x, y))
        statistics.append(within - 2 * kernel[np.ix_(x, y)].mean())
    expected = np.mean(np.array(statistics) >= statistics[0] - 1e-9)
    assert 0.002 < expected < 0.3
    assert geometry.permutation_p(kernel) == pytest.approx(expected)


def test_p_values_of_fresh_samples_are_spread_out():
    found = [geometry.mmd_p(population(120, seed), population(120, seed + 50), TRAIN) for seed in range(20)]
    assert 0.25 < np.mean(found) < 0.75
    assert np.mean(np.array(found) < 0.05) <= 0.2
    assert geometry.mmd_p(REAL, COLLAPSED, TRAIN) <= 0.01


def test_the_collapsed_set_fails():
    for name in ("recall", "ball_coverage"):
        metric = getattr(geometry, name)
        assert metric(REAL, COLLAPSED, TRAIN) < 0.2 * metric(REAL, OTHER, TRAIN)
    assert geometry.density(REAL, COLLAPSED, TRAIN) != pytest.approx(geometry.density(REAL, OTHER, TRAIN), abs=0.05)
    assert geometry.mmd(REAL, COLLAPSED, TRAIN) > 10 * abs(geometry.mmd(REAL, OTHER, TRAIN))


def test_too_few_patients_have_no_neighbours():
    with pytest.raises(NotJudged, match="4 patients have no 5 neighbours each"):
        geometry.precision(REAL.take(range(4)), OTHER.take(range(4)), TRAIN)
