import xml.etree.ElementTree as ET

import pytest

from ehrgen.findings.page.figure import figure

SVG = "{http://www.w3.org/2000/svg}"
ABLATION = {
    "reference": "full",
    "objectives": {
        "full": {
            "lm": {"weight": 1.0, "share": 0.99, "grad_share": 0.9},
            "sex": {"weight": 0.005, "share": 0.001, "grad_share": 0.01},
            "age": {"weight": 0.0, "share": 0.0, "grad_share": 0.0},
        }
    },
    "variants": {
        "alone": {"coverage": {"mean": 0.4, "low": 0.3, "high": 0.5}},
        "full": {"coverage": {"mean": 0.8}},
        "without": {"pair_r2": {"mean": 0.8}},
    },
    "anchors": {"floor": {"coverage": 1.0}},
}


@pytest.fixture
def drawn() -> ET.Element:
    return ET.fromstring(figure(ABLATION))


def classed(drawn: ET.Element, name: str, tag: str) -> list[ET.Element]:
    return [element for element in drawn.iter(f"{SVG}{tag}") if name in element.get("class", "").split()]


def test_losses_with_a_weight_have_two_dots(drawn: ET.Element):
    value, pull = (classed(drawn, name, "circle") for name in ("value", "pull"))
    assert len(value) == len(pull) == 2
    assert float(value[1].get("cx")) < float(pull[1].get("cx")), "sex pulls harder than it weighs"
    assert value[1][0].text == "sex: 0.1 %"


def test_coverage_by_hand(drawn: ET.Element):
    """The reference first; half the coverage is half the bar; an interval where there is one."""
    full, alone = classed(drawn, "bar", "rect")
    assert float(alone.get("width")) == pytest.approx(float(full.get("width")) / 2, abs=0.1)
    labels = [text.text for text in classed(drawn, "label", "text")]
    assert labels == ["lm", "sex", "full", "alone"]
    assert len(classed(drawn, "whisker", "path")) == 1 and len(classed(drawn, "real", "path")) == 1


def test_without_gradients_the_value_stands_alone():
    content = {**ABLATION, "objectives": {"full": {"lm": {"weight": 1.0, "share": 1.0}}}}
    drawn = ET.fromstring(figure(content))
    assert len(classed(drawn, "value", "circle")) == 1 and not classed(drawn, "pull", "circle")


@pytest.mark.parametrize("anchors", [{}, {"floor": {}}])
@pytest.mark.parametrize("variants", [{}, ABLATION["variants"]])
def test_where_too_few_were_compared_nothing_is_marked(anchors: dict, variants: dict):
    """As on the tiny cohort of `make smoke`, where no coverage is judged."""
    drawn = ET.fromstring(figure({**ABLATION, "anchors": anchors, "variants": variants}))
    assert not classed(drawn, "real", "path") and len(classed(drawn, "bar", "rect")) == (2 if variants else 0)


def test_a_loss_without_a_gradient_has_a_row_by_its_variant():
    constant = {"cooccur": {"weight": 0.05, "share": 0.01, "grad_share": 0.0}}
    content = {**ABLATION, "objectives": {**ABLATION["objectives"], "observed": constant, "replica": constant}}
    labels = [text.text for text in classed(ET.fromstring(figure(content)), "label", "text")]
    assert labels[:3] == ["lm", "sex", "observed"] and "replica" not in labels


def test_it_has_both_colours_and_nothing_from_elsewhere():
    text = figure(ABLATION)
    assert "prefers-color-scheme: dark" in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
