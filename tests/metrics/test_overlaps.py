import numpy as np
import pytest
from scipy import sparse

from ehrgen.metrics.cohorts import neighbours, overlaps
from ehrgen.metrics.cohorts.overlaps import Overlaps
from tests.support.cohorts import population


def counted(pairs: Overlaps, references: int) -> tuple[np.ndarray, np.ndarray]:
    """[P, Q] what each two share and have, put together from the pairs that meet and those that do not."""
    (groups, group), (_, of_reference) = pairs.queries.groups, pairs.references.groups
    by_group = np.full((2, len(groups.bits), of_reference.max() + 1), -1)
    for apart in pairs.apart():
        by_group[:, apart.groups] = apart.shared, apart.either
    shared, either = by_group[:, group][:, :, of_reference]
    for meeting in pairs.meeting():
        place = meeting.query, meeting.reference
        assert (meeting.common == shared[place]).all(), "what they share without their rare elements"
        shared[place], either[place] = meeting.shared, meeting.either
    assert shared.shape == (len(group), references)
    return shared, either


@pytest.mark.parametrize("common", [0, 1, 20, 200])
@pytest.mark.parametrize("work", [1, 1000, 10**6])
def test_every_pair_is_counted(monkeypatch: pytest.MonkeyPatch, common: int, work: int):
    monkeypatch.setattr(overlaps, "COMMON", min(common, 30))
    monkeypatch.setattr(overlaps, "WORK", work)
    first, second = neighbours.elements(population(40, 1), population(50, 2))
    if common == 200:  # more common elements than there are
        first, second = first[:, :12], second[:, :12]
    shared, either = counted(Overlaps.of(first, second), 50)
    assert (shared == (first @ second.T).toarray()).all()
    assert (either == first.sum(axis=1)[:, None] + second.sum(axis=1) - shared).all()


def test_only_pairs_with_a_rare_element_in_common_meet(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(overlaps, "COMMON", 1)
    queries = sparse.csr_array(np.array([[1, 1, 0], [1, 0, 0], [1, 0, 1]], dtype=np.float32))
    (meeting,) = Overlaps.of(queries, queries).meeting()
    assert list(zip(meeting.query, meeting.reference, strict=True)) == [(0, 0), (2, 2)]
    assert meeting.start.tolist() == [0, 1, 1, 2]
    assert meeting.by_query(np.add, np.array([5.0, 7.0]), -1.0).tolist() == [5, -1, 7]


def test_patients_who_are_alike_apart_from_rare_elements_are_one_group(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(overlaps, "COMMON", 1)
    sets = sparse.csr_array(np.array([[1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 0], [1, 0, 0, 1]], dtype=np.float32))
    groups, group = Overlaps.of(sets, sets).queries.groups
    assert groups.patients.tolist() == [1, 3] and groups.size.tolist() == [1, 2]
    assert group.tolist() == [1, 1, 0, 1]
