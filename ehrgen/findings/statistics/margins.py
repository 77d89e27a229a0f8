"""The equivalence margin of each metric: what is smaller is no effect, whatever its p value.

A tenth of the gap between independent codes and real patients, and at least a hundredth of what real patients have:
independent codes are drawn with the real frequencies, so in some metrics they have no gap. Of rates, half a percentage
point. Nothing of it depends on how many patients were compared, so more data does not turn everything into an effect.
How far two samples of real patients differ by chance, the resolution of the instrument, is reported beside it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field

from ehrgen.core.records import Record, read_record
from ehrgen.findings.statistics.results import FLOOR
from ehrgen.metrics.table.suite import METRICS

INDEPENDENT = "independent_codes"
OF_GAP = 0.1  # as in verdicts/claims: ten like it would explain the gap
OF_VALUE = 0.01
RATE = 0.005  # of patients


class _Saved(Record):
    standard_error: dict[str, Annotated[float, Field(ge=0)]]


def load_resolution(path: Path) -> dict[str, float]:
    """Metric -> standard error of the floor over samples of patients: reports/margins.json.

    Raises:
        FileError: If the file is missing or holds no such numbers.
    """
    return read_record(path, _Saved)["standard_error"]


def equivalence_margins(anchors: Mapping[str, Mapping[str, float]], reference: Mapping[str, float]) -> dict[str, float]:
    """Metric -> half-width of the range around no difference; absent where there is no anchor to take it from.

    Args:
        anchors: Anchor -> metric -> value; needed are the floor and independent codes.
        reference: Metric -> mean of the reference variant: what stands for the real patients' value in a metric that
            they cannot have, such as a likelihood.

    Example:
        >>> anchors = {"floor": {"pair_r2": 0.79, "coverage": 0.99}, "independent_codes": {"pair_r2": 0.69}}
        >>> reference = {"pair_r2": 0.7, "coverage": 0.9, "nll_per_code": 5.0, "sex_violations": 0.1}
        >>> [(name, round(margin, 4)) for name, margin in equivalence_margins(anchors, reference).items()]
        [('pair_r2', 0.01), ('coverage', 0.0099), ('sex_violations', 0.005), ('nll_per_code', 0.05)]
    """
    floor, independent = anchors.get(FLOOR, {}), anchors.get(INDEPENDENT, {})
    margins = {}
    for name, metric in METRICS.items() if floor else ():
        if name not in reference:
            continue
        if metric.counts:
            margins[name] = RATE
            continue
        gap = abs(independent[name] - floor[name]) if name in floor and name in independent else 0.0
        margins[name] = max(OF_GAP * gap, OF_VALUE * abs(floor.get(name, reference[name])))
    return margins
