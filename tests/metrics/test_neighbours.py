import numpy as np
import pytest
from sklearn.metrics import pairwise_distances

from ehrgen.metrics.cohorts import neighbours, overlaps
from tests.support import all_pairs
from tests.support.cohorts import cohort, population


def sets(*cohorts):
    return neighbours.elements(*cohorts)


def test_jaccard_by_hand():
    # both women of 50: sex and bracket are shared, so {F, 40-65, 4019, 486} and {F, 40-65, 4019} share 3 of 4
    first, second = sets(cohort([["4019 486"]]), cohort([["4019"]]))
    assert neighbours.nearness(first, second).distance == pytest.approx([1 / 4])
    # a man of 70 with another code shares nothing
    other = sets(cohort([["4019"]]), cohort([["486"]], sex="M", age=[70]))
    assert neighbours.nearness(*other).distance.tolist() == [1.0]


def test_repeats_and_visits_do_not_count():
    first, second = sets(cohort([["4019 4019", "486 4019"]]), cohort([["486 4019"]]))
    assert neighbours.nearness(first, second).distance.tolist() == [0.0]


def test_equals_the_reference_in_any_number_of_blocks(monkeypatch: pytest.MonkeyPatch):
    first, second = sets(population(70, 1), population(90, 2))
    expected = pairwise_distances(first.toarray() > 0, second.toarray() > 0, metric="jaccard")
    among = pairwise_distances(first.toarray() > 0, metric="jaccard")
    np.fill_diagonal(among, np.inf)
    for work in (1, 1000, 10**6):
        monkeypatch.setattr(overlaps, "WORK", work)
        found = neighbours.nearness(first, second)
        assert found.distance == pytest.approx(expected.min(axis=1), abs=1e-6)
        assert found.density == pytest.approx(np.exp(-expected / 0.1).sum(axis=1), abs=1e-3)
        themselves = neighbours.nearness(first, first, themselves=True)
        assert themselves.distance == pytest.approx(among.min(axis=1), abs=1e-6)
        assert themselves.density == pytest.approx(np.exp(-among / 0.1).sum(axis=1), abs=1e-3)


PAIRS = {
    "patients": (population(300, 1), population(400, 2)),
    "copies": (population(300, 1), population(300, 1)),
    "few": (cohort([["4019"]]), cohort([["4019"], ["4019 486"]])),
    "of unknown sex and age": (population(200, 1).without(True, True), population(200, 2).without(True, True)),
}


@pytest.mark.parametrize("common", [0, 3, 20])
@pytest.mark.parametrize("kind", PAIRS)
def test_equals_the_table_of_all_pairs_to_the_last_bit(kind: str, common: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(overlaps, "COMMON", common)
    first, second = sets(*PAIRS[kind])
    for queries, references, themselves in ((first, second, False), (second, first, False), (first, first, True)):
        found = neighbours.nearness(queries, references, themselves)
        distance, density = all_pairs.nearness(queries, references, themselves)
        assert found.distance.tolist() == distance.tolist()
        assert found.density.tolist() == density.tolist()


@pytest.mark.parametrize("common", [0, 3, 20])
@pytest.mark.parametrize("known", [8, 60, 0], ids=["sex and age", "and half the codes", "nothing"])
def test_means_equal_those_of_the_table_of_all_pairs(known: int, common: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(overlaps, "COMMON", common)
    monkeypatch.setattr(overlaps, "WORK", 5000)
    first, second = sets(population(150, 1), population(200, 2))
    blocks = list(neighbours.nearest_mean(first[:, :known], second[:, :known], second[:, known:]))
    assert [rows.start for rows, _ in blocks] + [150] == [0, *(rows.stop for rows, _ in blocks)]
    expected = all_pairs.nearest_mean(first[:, :known], second[:, :known], second[:, known:])
    assert np.vstack([share.toarray() for _, share in blocks]) == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_density_does_not_depend_on_the_order():
    first, second = sets(population(70, 1), population(90, 2))
    mixed = second[np.random.default_rng(0).permutation(90)]
    assert neighbours.nearness(first, second).density.tolist() == neighbours.nearness(first, mixed).density.tolist()


def test_one_patient_has_no_neighbour_of_their_own():
    (alone,) = sets(cohort([["4019"]]))
    found = neighbours.nearness(alone, alone, themselves=True)
    assert found.distance.tolist() == [np.inf]
    assert found.density.tolist() == [0.0]


def test_all_tied_references_are_averaged():
    query, references = sets(cohort([["4019"]]), cohort([["4019"], ["4019"], ["486"]]))
    traits = references[:, [0]] * 0 + references[:, [-1]]  # the last code, 486
    ((rows, share),) = neighbours.nearest_mean(query, references, traits)
    assert (rows.start, rows.stop) == (0, 1)
    assert share.toarray().tolist() == [[0.0]]
    ((_, share),) = neighbours.nearest_mean(query[:, :8], references[:, :8], traits)  # known by sex and age alone
    assert share[0, 0] == pytest.approx(1 / 3)
