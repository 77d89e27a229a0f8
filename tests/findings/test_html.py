import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehrgen.findings.page.html import Markup, el, joined, picture, short
from tests.support.html import Reading


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_text_comes_back_as_it_was_and_is_never_markup(text: str):
    read = Reading(el("p", text, title=text))
    assert read.tags == [("p", {"title": text})]
    assert read.text == text and read.balanced


def test_markup_is_not_escaped_twice():
    inner = el("b", "<")
    assert el("p", inner) == "<p><b>&lt;</b></p>"
    assert isinstance(joined(inner, inner), Markup)


def test_zero_is_an_attribute_and_nothing_is_none():
    assert el("circle", cx=0, r=1.25, class_=None, hidden=False) == '<circle cx="0" r="1.2"/>'


def test_an_element_of_html_always_ends():
    assert el("div") == "<div></div>"


@pytest.mark.parametrize(("number", "text"), [(-0.04, "0"), (99.96, "100"), (-1.25, "-1.2")])
def test_short_numbers(number: float, text: str):
    assert short(number) == text


def test_a_picture_has_a_name_and_a_size():
    (read,) = Reading(picture(10, 20.5, "what it shows")).all("svg", role="img")
    assert read["aria-label"] == "what it shows" and read["viewbox"] == "0 0 10 20.5"
