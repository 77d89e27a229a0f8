import numpy as np

from ehrgen.metrics.cohorts import features
from tests.support.cohorts import cohort


def test_structure_by_hand():
    twins = [["4019 25000 2724", "4019 4019"]] * 5
    table = features.structure(cohort([*twins, ["V270"]], sex="FFFFFM", age=[50.0] * 5 + [30.0]))
    # man, years, visits, codes of the first, the last and the longest visit, in all, distinct, categories, rows, twins
    assert table[0, :11].tolist() == [0, 50, 2, 3, 1, 3, 4, 3, 3, 5, 2]
    assert table[5, :11].tolist() == [1, 30, 1, 1, 1, 1, 1, 1, 1, 1, 0]
    # chapters: hypertension twice as a set of a visit, though written three times; diabetes, lipids; supplementary
    assert table[0, 11:].sum() == 5
    assert table[5, 11 + 17] == 1
    assert np.array_equal(table[0], table[4])
