import numpy as np
import pytest
from sklearn.decomposition import TruncatedSVD

from ehrgen.metrics.cohorts import embedding, incidence
from ehrgen.metrics.table.suite import NotJudged
from tests.support.cohorts import cohort, population, renumbered

TRAIN, REAL = population(300, 1), population(200, 2)


def test_points_equal_the_reference():
    codes = incidence.distinct_codes(TRAIN)
    fitted = TruncatedSVD(embedding.COORDINATES, algorithm="arpack").fit(
        incidence.patient_codes(TRAIN, codes).astype(float)
    )
    theirs = fitted.transform(incidence.patient_codes(REAL, codes).astype(float))
    ours = embedding.points(TRAIN, REAL)
    distances = [np.concatenate(list(embedding.squared_distances(points, points))) for points in (ours, theirs)]
    assert distances[0] == pytest.approx(distances[1], abs=1e-6)


def test_distances_come_in_blocks_and_are_exact_for_equal_points():
    points = np.random.default_rng(0).random((embedding.BLOCK + 3, 2))
    blocks = list(embedding.squared_distances(points, points[:5]))
    assert [block.shape for block in blocks] == [(embedding.BLOCK, 5), (3, 5)]
    assert np.diag(blocks[0]).tolist() == [0] * 5
    assert blocks[1][0, 0] == pytest.approx(((points[embedding.BLOCK] - points[0]) ** 2).sum())


def test_tiles_make_up_the_table(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(embedding, "ROWS", 3)
    monkeypatch.setattr(embedding, "COLUMNS", 4)
    first, second = np.random.default_rng(0).random((7, 2)), np.random.default_rng(1).random((9, 2))
    table = np.full((7, 9), np.nan)
    for rows, columns, tile in embedding.tiles(first, second):
        assert np.isnan(table[rows, columns]).all(), "no place twice"
        table[rows, columns] = tile
    assert (
        embedding.rounded(table).tolist() == np.concatenate(list(embedding.squared_distances(first, second))).tolist()
    )


def test_codes_that_no_training_patient_has_are_left_out():
    known, more = cohort([["39000 39010"]]), cohort([["39000 39010 99999"]])
    assert embedding.points(TRAIN, known) == pytest.approx(embedding.points(TRAIN, more))


def test_the_scale_does_not_depend_on_the_order_of_patients():
    assert embedding.median_distance(TRAIN) == pytest.approx(embedding.median_distance(renumbered(TRAIN, 3)))


def test_too_few_patients_or_differences_are_not_judged():
    with pytest.raises(NotJudged, match="1 training patients with 2 codes are too few"):
        embedding.basis(cohort([["4019 486"]]))
    with pytest.raises(NotJudged, match="distances between patients have no scale"):
        embedding.median_distance(cohort([["4019 486 4280"]] * 50 + [["4019"], ["486"], ["4280"]]))
