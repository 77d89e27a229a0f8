import inspect
import re

import pytest

from ehrgen.metrics.table.suite import FAMILIES, METRICS, Metric, function
from scripts import metrics_guide


def test_the_page_is_up_to_date():
    text = metrics_guide.PAGE.read_text(encoding="utf-8")
    assert text == metrics_guide.guide(), "run `python -m scripts.metrics_guide`"


def test_has_every_metric_and_family_once():
    text = metrics_guide.guide()
    assert re.findall(r"^## (\w+)$", text, re.M) == [family.capitalize() for family in FAMILIES]
    assert sorted(re.findall(r"^- \**(\w+)\** \(", text, re.M)) == sorted(METRICS)


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_says_what_it_is_and_how_to_read_it(name: str):
    said = metrics_guide.entry(name, METRICS[name]).split("). ", 1)[1]
    assert len(re.findall(r"[.:] ", f"{said} ")) >= 2, "a definition, and what good, bad and cheating look like"
    assert "Raises" not in said
    assert inspect.getdoc(function(name)).split(".")[0].split()[0] in said


def test_traits_by_hand():
    metric = Metric("fidelity", "R2", -float("inf"), 1.0, "higher", 1.0, 3000, "source")
    assert metrics_guide.traits(metric) == "R2, … to 1; higher is better; 3,000 patients at least"
    metric = Metric("collapse", "codes", 1.0, 9.0, "match", None, 1, "source")
    assert metrics_guide.traits(metric) == "codes, 1 to 9; closest to the floor is best"
