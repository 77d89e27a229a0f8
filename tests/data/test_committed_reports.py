"""An attempt to work out, from what is committed about patients, the counts that are hidden in it.

A count of 1 to 10 is hidden. Where the parts of a known whole are listed, those hidden add up to what is left of it:
k parts of sum S hold 1 to S - (k - 1) each, and are known where that is one value.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ehrgen.data.disclosure import SMALLEST_SHOWN
from ehrgen.data.readers.quality import BY_SPLIT, HIDDEN, Quality
from tests.support.cohorts import population
from tests.support.sandbox import ROOT

SMALL = f"<{SMALLEST_SHOWN}"
REPORTS = [ROOT / "reports", *sorted((ROOT / "studies").iterdir())]
QUALITY = [folder / "quality.json" for folder in REPORTS if (folder / "quality.json").exists()]
PORTRAITS = [path for folder in REPORTS for path in sorted((folder / "portraits").rglob("*.json"))]


def worked_out(whole: float, parts: list[float | str | None]) -> bool:
    """Whether the hidden parts, text or None, follow from those shown; rounding leaves half a patient either way."""
    hidden = [part for part in parts if not isinstance(part, int | float)]
    left = whole - sum(part for part in parts if isinstance(part, int | float))
    all_most = all(part == SMALL for part in hidden) and left > (SMALLEST_SHOWN - 1) * len(hidden) - 0.5
    return len(hidden) == 1 or (len(hidden) > 1 and (left < len(hidden) + 0.5 or all_most))


def small_counts(content: object) -> Iterator[object]:
    """Numbers of 1 to 10 anywhere in a report."""
    if isinstance(content, dict):
        for value in content.values():
            yield from small_counts(value)
    elif isinstance(content, int) and 0 < content < SMALLEST_SHOWN:
        yield content


@pytest.mark.parametrize("path", QUALITY, ids=lambda path: path.parent.name)
def test_no_count_of_the_quality_report_tells_of_few(path: Path):
    report = json.loads(path.read_text(encoding="utf-8"))
    assert not list(small_counts(report))
    cohort = report["cohort"]
    splits = [count for key, count in cohort.items() if key.startswith(BY_SPLIT)]
    assert splits and not worked_out(cohort["patients"], splits)


@pytest.mark.parametrize("path", PORTRAITS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_share_of_a_portrait_tells_of_few(path: Path):
    portrait = json.loads(path.read_text(encoding="utf-8"))
    for part, sides in (("visits_per_patient", ["real"]), ("distances", ["train", "heldout"])):
        for side in sides:
            shares = portrait[part][side]
            counts = [None if share is None else round(share * portrait["patients"]) for share in shares]
            assert all(count is None or count == 0 or count >= SMALLEST_SHOWN for count in counts), f"{part}, {side}"
            assert not worked_out(portrait["patients"], counts), f"{part}, {side}"
    visits = portrait["patients"]  # at least; of more of them still less is known
    sizes = [None if share is None else round(share * visits) for share in portrait["codes_per_visit"]["real"]]
    assert not worked_out(visits, sizes), "codes_per_visit"


def test_reports_were_looked_at():
    assert QUALITY and PORTRAITS


@pytest.mark.parametrize(
    ("whole", "parts", "known"),
    [
        (200, [50, 50, 93, SMALL], True),
        (100, [50, 45, SMALL, SMALL], False),
        (20, [SMALL, SMALL], True),
        (100, [98, None, None], True),
        (100, [HIDDEN] * 4, False),
        (100, [50, 50, 0], False),
    ],
)
def test_the_attempt_by_hand(whole: int, parts: list[int | str | None], known: bool):
    """The first is how a report on few patients once hid the validation split."""
    assert worked_out(whole, parts) == known


@pytest.mark.parametrize("patients", [20, 100, 250])
def test_no_split_of_a_new_report_follows_from_the_others(patients: int):
    shares = {"train": 0.45, "validation": 0.05, "heldout": 0.25, "heldout2": 0.25}
    quality = Quality("nhds")
    quality.describe(population(patients, 0).with_split(shares, np.random.default_rng(0)))
    cohort = quality.published()["cohort"]
    assert not worked_out(patients, [count for key, count in cohort.items() if key.startswith(BY_SPLIT)])
    assert (cohort["patients, train"] == HIDDEN) == (0.05 * patients < SMALLEST_SHOWN)
