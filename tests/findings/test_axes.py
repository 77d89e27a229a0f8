import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehrgen.findings.page.axes import Linear, Log, around, x_axis, y_axis
from ehrgen.findings.text.tables import percent
from tests.support.html import Reading


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_few_round_and_within(low: float, width: float):
    scale = Linear(low, low + width, 0, 100)
    ticks = scale.ticks(6)
    assert len(ticks) <= 7
    assert all(low - 1e-6 * width <= tick <= low + width * (1 + 1e-6) for tick in ticks)


def test_logarithm_by_hand():
    scale = Log(0.01, 1, 0, 100, zero=-20)
    assert [scale(value) for value in (0.01, 0.1, 1, 0, -3, 1e-9, 50)] == pytest.approx([0, 50, 100, -20, -20, 0, 100])


@pytest.mark.parametrize("values", [[3.0], [0.0], [-2.0, -2.0]])
def test_a_lone_value_has_room(values: list[float]):
    low, high = around(values)
    assert low < values[0] < high


def test_a_share_below_a_thousandth_keeps_its_digits():
    assert percent(0.000461) == "0.0461 %"


def test_axes_carry_their_words():
    scale = Linear(0, 1, 0, 10)
    assert Reading(x_axis(scale, 0, 5, [(0, "a"), (1, "b")])).text == "ab"
    assert len(Reading(y_axis(scale, 0, 5, [(0, "a")])).classed("grid")) == 1
