import pytest

from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.findings.text.tables import cell


@pytest.mark.parametrize(
    ("estimate", "signed", "expected"),
    [
        (Estimate(0.5, 0.0, 3), False, "0.5 ± 0"),
        (Estimate(-0.00012, 0.00034, 3), True, "-0.00012 ± 0.00034"),
        (Estimate(12.34, 123.4, 3), True, "+12 ± 123"),
        (Estimate(0.5, None, 1), True, "+0.5"),
    ],
)
def test_cells(estimate: Estimate, signed: bool, expected: str):
    assert cell(estimate, signed) == expected
