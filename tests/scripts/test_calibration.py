"""Planted harm is as large as it says, what is the same is marked as rarely as promised: on made-up measurements."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ehrgen.data.cohort import SPLITS
from ehrgen.data.sequences.sequences import Sequences
from ehrgen.data.sequences.vocabulary import FIRST_CODE
from scripts import calibration
from scripts.calibration import MOVED, curve, detected, false_marks, figure, page, plant, planted
from tests.support.cohorts import population
from tests.support.sequences import sequences_of


def some() -> Sequences:
    sequences = sequences_of(population(300, 0))
    split = np.full(len(sequences), SPLITS.index("train"), dtype=np.int8)
    split[200:] = SPLITS.index("validation")
    return replace(sequences, split=split)


@pytest.mark.parametrize("harm", [0.05, 0.2])
def test_so_many_codes_of_training_patients_are_replaced_and_nothing_else(harm: float):
    before = some()
    tokens = planted(before, harm, np.random.default_rng(0))
    of_train = np.arange(len(tokens)) < before.offsets[200]
    codes = before.tokens >= FIRST_CODE
    changed = tokens != before.tokens
    assert not changed[~(of_train & codes)].any()
    share = changed.sum() / (of_train & codes).sum()
    assert 0.6 * harm < share <= 1.01 * harm, "both may be the same code, or their visits have it"
    assert (np.bincount(tokens) == np.bincount(before.tokens)).all(), "every code is as frequent"
    visit = np.cumsum(before.tokens < FIRST_CODE)
    pairs = list(zip(visit[codes], tokens[codes], strict=True))
    assert len(set(pairs)) == len(pairs), "no code twice in a visit"


def test_a_planted_folder_is_made_once_and_is_sequences(tmp_path: Path):
    all_train = replace(some(), split=np.full(300, SPLITS.index("train"), dtype=np.int8))
    all_train.save(tmp_path / "from")
    for _ in range(2):
        plant(tmp_path / "from", tmp_path / "to", 0.1)
    found = Sequences.load(tmp_path / "to")
    assert len(found) == 300 and (found.tokens != all_train.tokens).any()


def values(harm: dict[float, float], seeds: int = 12, alike: bool = True) -> dict:
    """Measurements in which a harm moves every endpoint by so many standard deviations."""
    rng = np.random.default_rng(0)
    rows = {"0": dict.fromkeys(range(seeds))}
    rows |= {f"{share:g}": dict.fromkeys(range(8)) for share in harm}
    return {
        share: {seed: {name: 0.5 + harm.get(float(share), 0) + rng.normal() for name in MOVED} for seed in row}
        for share, row in rows.items()
    }


@pytest.mark.slow
def test_what_is_the_same_is_marked_as_rarely_as_promised(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(calibration, "DRAWS", 40)
    rates = []
    for start in range(5):
        rng = np.random.default_rng(start)
        rows = {seed: {name: float(rng.normal(5, 1)) for name in MOVED} for seed in range(12)}
        rates.append(false_marks(rows, 4)[0])
    assert np.mean(rates) < 0.1, "resamples of twelve trainings are few"


@pytest.mark.slow
def test_a_larger_harm_and_more_seeds_are_seen_more_often():
    found = values({0.02: 0.5, 0.2: 6.0})
    small, large = (detected(found, harm, 5) for harm in ("0.02", "0.2"))
    assert small < large and large == 1
    assert detected(found, "0.2", 3) <= detected(found, "0.2", 8) == 1


@pytest.mark.slow
def test_page_and_figure(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(calibration, "DRAWS", 4)
    found = values({0.02: 0.5, 0.2: 6.0})
    rows = curve(found)
    assert set(rows) == {3, 5, 8} and set(rows[3]) == {0.0, 0.02, 0.2} and set(rows[8]) == {0.02, 0.2}
    text = page(found)
    assert "12 trainings" in text and "| 3 seeds |" in text and text.count("calibration.svg") == 1
    circles = [one for one in ET.fromstring(figure(found)).iter() if one.tag.endswith("circle")]
    assert len(circles) == sum(map(len, rows.values()))


def test_numbers_come_back_from_their_file(tmp_path: Path):
    (tmp_path / "c.json").write_text('{"0": {"3": {"pair_r2": 0.5}}}')
    assert calibration.read(tmp_path / "c.json") == {"0": {3: {"pair_r2": 0.5}}}
