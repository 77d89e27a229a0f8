import json

import pytest

from ehrgen.findings.page import heatmaps
from tests.support.html import Reading
from tests.support.page_inputs import PORTRAIT


def test_cells_and_numbers_of_three_triangles():
    read = Reading(heatmaps.heatmaps(PORTRAIT["chapter_pairs"], 16, True))
    (svg,) = read.all("svg")
    data = json.loads(svg["data-heat"])
    assert data["values"] == [[2.0, None, 0.0], [1.0, 3.0, 1.0], [0.5, None, None]]
    assert data["labels"][1] == "Diseases of the circulatory system"
    cells = sum(one["d"].count("z") for one in read.all("path"))
    assert cells == 9
    assert len(read.classed("h0")) == 1 and len(read.classed(heatmaps.TOO_FEW)) == 2
    for words in ("Real", "Synthetic / real", "Circulatory system", "Injury"):
        assert words in read.text


def test_a_hostile_label_stays_text():
    pairs = {"labels": ['"><script>', "b </svg>"], "real": [1.0], "synthetic": [1.0]}
    read = Reading(heatmaps.heatmaps(pairs, 10, False))
    assert not read.all("script") and read.balanced
    assert json.loads(read.all("svg")[0]["data-heat"])["labels"] == pairs["labels"]


@pytest.mark.parametrize("labels", [[], ["alone"]])
def test_too_few_groups_say_so(labels: list[str]):
    drawn = heatmaps.heatmaps({"labels": labels, "real": [], "synthetic": []}, 10, False)
    assert "Too few groups" in Reading(drawn).text


def test_the_scale_shows_every_shade():
    read = Reading(heatmaps.scale())
    assert [one["class"] for one in read.all("i")] == [*(f"h{at}" for at in range(9)), heatmaps.TOO_FEW]


@pytest.mark.parametrize("lift", [0.24, 0.4, 0.6, 0.8, 1.05, 1.2, 1.8, 3.0, 5.0])
def test_a_lift_and_its_inverse_are_mirrored(lift: float):
    assert int(heatmaps.shade(lift)[1]) + int(heatmaps.shade(1 / lift)[1]) == 8
