import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ehrgen.core.files import FileError
from ehrgen.core.records import misfit
from ehrgen.findings.page.contents import Comparison, Findings, Portrayed, Quality
from ehrgen.findings.page.inputs import load_portrait
from ehrgen.metrics import portrait
from tests.support.page_inputs import PORTRAIT, sources
from tests.support.sandbox import ROOT


def test_a_portrait_is_read_as_written(tmp_path: Path):
    portrait.save(PORTRAIT, tmp_path / "0.json")
    assert load_portrait(tmp_path / "0.json") == PORTRAIT


@pytest.mark.parametrize("part", Portrayed.model_fields)
def test_a_missing_part_is_named(part: str, tmp_path: Path):
    portrait.save({name: value for name, value in PORTRAIT.items() if name != part}, tmp_path / "0.json")
    with pytest.raises(FileError, match=rf"0\.json: {part}: Field required; run `dvc repro`"):
        load_portrait(tmp_path / "0.json")


def cut(*path: str | int) -> Callable[[Any], None]:
    """Takes the last value of a list that lies at the path."""

    def change(content: Any) -> None:
        for name in path:
            content = content[name]
        content.pop()

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (cut("codes", "title"), "codes: 4 codes, and not as many titles, chapters and shares"),
        (cut("codes", "real"), "codes: 3 real values and 4 synthetic ones"),
        (cut("visits_per_patient", "real"), "visits_per_patient: 3 real values and 4 synthetic ones"),
        (cut("category_pairs", "synthetic"), "category_pairs: 2 labels, and not 1 pairs of them"),
        (cut("conditioning", "real", 0, 1), "conditioning: not shares of 1 chapters, 2 sexes and 3 ages"),
        (cut("conditioning", "synthetic", 0), "conditioning: not shares of 1 chapters, 2 sexes and 3 ages"),
        (cut("distances", "edges"), "distances: not shares of the 1 steps between 2 edges"),
        (cut("chapters"), "codes or conditioning are of other chapters than the 2"),
        (lambda content: content["codes"]["real"].__setitem__(0, 25.0), "codes.real.0: "),
        (lambda content: content.update(patients=None), "patients: Input should be a valid integer"),
    ],
)
def test_a_damaged_portrait_is_told_from_a_whole_one(change: Callable[[Any], None], message: str):
    content = json.loads(json.dumps(PORTRAIT))  # of which no two parts are one list
    assert misfit(content, Portrayed) == ""
    change(content)
    assert misfit(content, Portrayed).startswith(message)


@pytest.mark.parametrize("part", ["ablation", "findings", "quality"])
def test_what_the_page_draws_is_there_or_named(part: str):
    shape = {"ablation": Comparison, "findings": Findings, "quality": Quality}[part]
    content = json.loads(json.dumps(getattr(sources(), part)))
    assert misfit(content, shape) == ""
    for name in shape.model_fields:
        for value in (None, [], {}):
            fits = misfit(content | {name: value}, shape) == ""
            assert not fits or type(value) is type(content[name]), f"{name}: {value}"
    assert misfit([], shape) == "should be a mapping"


def test_a_reference_that_was_not_measured_is_no_comparison():
    assert "has no measures of the reference, c" in misfit(sources().ablation | {"reference": "c"}, Comparison)


@pytest.mark.parametrize("path", sorted((ROOT / "reports").glob("portraits/**/*.json"))[:3])
def test_committed_portraits_are_whole(path: Path):
    assert load_portrait(path)["patients"] > 0


def test_colours_are_one_an_objective():
    assert sources().series == {"lm": 1, "age": 2, "sex": 3, "cooccur": 4}
