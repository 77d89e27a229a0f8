from ehrgen.findings.page import curves
from tests.support.findings import HEALTHY_HEAD, trace, training
from tests.support.html import Reading

SERIES = {"lm": 1, "age": 2, "sex": 3, "cooccur": 4}
TRAININGS = {0: training(), 1: training()}


def test_objectives_in_the_order_of_the_history():
    assert curves.objectives({0: {"lm": trace(HEALTHY_HEAD)}, 1: training()}) == ["lm", "age", "sex", "cooccur"]


def test_a_line_a_seed_in_both_halves():
    read = Reading(curves.shares(TRAININGS, SERIES))
    assert [one["aria-label"] for one in read.all("svg")] == [
        "Share of the loss value by epoch",
        "Share of the gradient by epoch",
    ]
    assert len(read.classed("s4")) == 2 * len(TRAININGS)
    assert "epoch 2: 0.1" in read.text


def test_no_gradient_stands_at_none():
    constant = {0: {"cooccur": trace(HEALTHY_HEAD, grad_share=0.0)}}
    circles = Reading(curves.shares(constant, SERIES)).all("circle")
    assert max(float(one["cy"]) for one in circles) == curves.HEIGHT - curves.BOTTOM - 4


def test_names_at_the_ends_do_not_overlap():
    places = curves._spread({"a": 10.0, "b": 11.0, "c": 12.0, "d": 90.0}, 13)
    assert places == {"a": 10.0, "b": 23.0, "c": 36.0, "d": 90.0}


def test_trajectories_draw_what_was_measured_and_name_it():
    read = Reading(curves.trajectories(TRAININGS, SERIES))
    labels = [one["aria-label"] for one in read.all("svg")]
    assert labels[1] == "age: training, validation, chance value by epoch, in nats"
    assert labels[3] == "cooccur: training, validation value by epoch, in nats"
    assert len(read.classed("dotted")) == 3 * len(TRAININGS)


def test_one_epoch_is_a_point():
    one = {0: {"lm": trace(HEALTHY_HEAD, epochs=1)}}
    assert len(Reading(curves.trajectories(one, SERIES)).all("circle")) == 3
    assert "training" in Reading(curves.key()).text
