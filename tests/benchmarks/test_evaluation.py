import pytest

from benchmarks import evaluation
from ehrgen.metrics.table.suite import FAMILIES, METRICS


def test_the_halves_share_no_family_and_the_second_follows_the_first():
    later = [metric.family in evaluation.LATER for metric in METRICS.values()]
    assert later == sorted(later) and set(later) == {False, True} and set(FAMILIES) > evaluation.LATER


@pytest.mark.slow
def test_rows_of_a_size():
    rows = evaluation.measured(60, 1)
    assert list(rows) == ["60 patients", "60 patients, likeness", "60 patients, uses and risks"]
    whole, likeness, risks = rows.values()
    assert 0 < likeness["peak"] <= risks["peak"] <= whole["peak"] and likeness["cpu"] + risks["cpu"] < whole["cpu"]
