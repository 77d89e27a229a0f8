"""Contract of every form of every objective that `build` can list."""

import inspect
from functools import partial

import numpy as np
import pytest
import torch
from torch.nn.functional import logsigmoid

from ehrgen.data.sequences import cooccurrence
from ehrgen.learning.model.class_tree import FORBIDDEN
from ehrgen.learning.model.output import Output
from ehrgen.learning.objectives.table import FORMS, NAMES, Objective, build_objectives
from ehrgen.learning.settings import LossSettings
from tests.support.cohorts import cohort
from tests.support.sequences import sequences_of, tiny
from tests.support.training import CPU, batch_of, bound, by_hand, matrices, recipe, untrained

LISTED = [(name, form) for name, forms in FORMS.items() for form in forms]
NEGATIVE_CONTROLS = {("cooccur", "observed")}
"""Kept because they teach nothing: the analysed system had them."""

each = pytest.mark.parametrize(("name", "form"), LISTED, ids=lambda part: part)
honest = pytest.mark.parametrize(
    ("name", "form"), [form for form in LISTED if form not in NEGATIVE_CONTROLS], ids=lambda part: part
)


@honest
def test_reaches_the_shared_parameters(name: str, form: str):
    model, batch = untrained(), batch_of(tiny(), [0, 1, 2, 3, 4, 5])
    loss = bound(name, form)(model(batch), batch)
    gradients = torch.autograd.grad(loss, model.shared_parameters(), allow_unused=True)
    assert sum(float(g.abs().sum()) for g in gradients if g is not None) > 0
    assert all(bool(g.isfinite().all()) for g in gradients if g is not None)


@pytest.mark.parametrize(("name", "form"), sorted(NEGATIVE_CONTROLS))
def test_a_negative_control_has_no_path_to_any_parameter(name: str, form: str):
    batch = batch_of(tiny(), [0, 1, 2, 3, 4, 5])
    values = [bound(name, form)(untrained(seed)(batch), batch) for seed in (0, 1)]
    assert not values[0].requires_grad
    assert values[0] == values[1] > 0


@each
def test_is_a_finite_positive_scalar(name: str, form: str):
    for rows in ([7], [3, 8], list(range(40))):
        batch = batch_of(tiny(), rows)
        value = bound(name, form)(untrained()(batch), batch)
        assert value.shape == () and value.dtype == torch.float32
        assert np.isfinite(value.item()) and value.item() >= 0


@each
def test_ignores_the_order_of_patients(name: str, form: str):
    rows = [3, 0, 9, 5, 12, 7]
    one, other = batch_of(tiny(), rows), batch_of(tiny(), rows[::-1])
    objective, model = bound(name, form), untrained()
    assert objective(model(one), one).item() == pytest.approx(objective(model(other), other).item(), rel=1e-5)


@each
def test_mixed_precision_of_the_model_leaves_it_in_full_precision(name: str, form: str):
    batch = batch_of(tiny(), list(range(10)))
    out, objective = untrained()(batch), bound(name, form)
    with torch.autocast("cpu", torch.bfloat16):
        value = objective(out, batch)
    assert value.dtype == torch.float32 and value.item() == pytest.approx(objective(out, batch).item(), rel=1e-5)


def doubled(objective: Objective) -> Objective:
    """The same objective with its tables in double precision."""
    if not isinstance(objective, partial):
        return objective
    double = {
        name: value.double() if isinstance(value, torch.Tensor) and value.is_floating_point() else value
        for name, value in objective.keywords.items()
    }
    return partial(objective.func, **double)


def of_logits(objective: Objective, batch, barred: torch.Tensor | None = None):
    """The objective as a function of logits, the target's being that of its probability; `barred` is masked as the
    model masks it.
    """

    def value(target: torch.Tensor, classes: torch.Tensor, age: torch.Tensor, sex: torch.Tensor) -> torch.Tensor:
        if barred is not None:
            classes = classes.masked_fill(barred, FORBIDDEN)
        return objective(Output(logsigmoid(target), torch.log_softmax(classes, -1), age, sex), batch)

    return value


def random_logits(batch, dtype: torch.dtype) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = [(len(batch.target),), (len(batch.target), 5), (len(batch.target), 6), (len(batch.sex), 2)]
    return [torch.randn(shape, generator=generator, dtype=dtype, requires_grad=True) for shape in shapes]


@honest
def test_gradient_is_that_of_finite_differences(name: str, form: str):
    batch = batch_of(by_hand())
    objective = doubled(bound(name, form, by_hand()))
    assert torch.autograd.gradcheck(of_logits(objective, batch), random_logits(batch, torch.float64))


@honest
def test_value_and_gradient_are_finite_under_masks(name: str, form: str):
    """A category with no code left, marks that may not come, and one code that must."""
    batch = batch_of(by_hand())
    barred = torch.zeros(8, 5, dtype=torch.bool)
    barred[:, 2] = barred[batch.opens_visit, :2] = True
    barred[3, :4] = True
    inputs = random_logits(batch, torch.float32)
    value = of_logits(bound(name, form, by_hand()), batch, barred)(*inputs)
    assert value.isfinite() and 0 <= value.item() < 50
    gradients = torch.autograd.grad(value, inputs, allow_unused=True)
    assert all(bool(g.isfinite().all()) for g in gradients if g is not None)


@honest
def test_following_its_gradient_lowers_it(name: str, form: str):
    batch = batch_of(by_hand())
    value = of_logits(bound(name, form, by_hand()), batch)
    inputs = random_logits(batch, torch.float32)
    before = value(*inputs)
    gradients = torch.autograd.grad(before, inputs, allow_unused=True)
    after = value(*(x if g is None else x - 0.1 * g for x, g in zip(inputs, gradients, strict=True)))
    assert after < before


@each
def test_weight_zero_leaves_it_out(name: str, form: str):
    every = dict.fromkeys(NAMES, 1.0)
    own = {f"{name}_form": form} if len(FORMS[name]) > 1 else {}
    settings = recipe(**every | own | {name: 0}).loss
    built = build_objectives(settings, tiny().of_split("train"), matrices(), CPU)
    assert list(built) == [other for other in NAMES if other != name]


def test_all_weights_zero_is_an_error():
    settings = recipe().loss.model_copy(update=dict.fromkeys(NAMES, 0.0))  # parsed, it would be refused
    with pytest.raises(ValueError, match="every weight is 0"):
        build_objectives(settings, tiny().of_split("train"), matrices(), CPU)


@pytest.mark.parametrize("form", FORMS["cooccur"])
def test_counts_of_another_vocabulary_are_refused(form: str):
    foreign = cooccurrence.count(sequences_of(cohort([["4019 25000"]])))
    with pytest.raises(ValueError, match="other labels"):
        build_objectives(recipe(cooccur_form=form).loss, tiny().of_split("train"), foreign, CPU)


def test_the_settings_offer_exactly_the_forms_of_the_table():
    fields = LossSettings.model_fields
    assert set(NAMES) <= set(fields)
    offered = {name: fields[f"{name}_form"].annotation.__args__ for name in NAMES if f"{name}_form" in fields}
    several = {name: tuple(forms) for name, forms in FORMS.items() if len(forms) > 1}
    assert {name: set(forms) for name, forms in offered.items()} == {
        name: set(forms) for name, forms in several.items()
    }


@each
def test_its_docstring_says_unit_chance_and_source(name: str, form: str):
    objective = bound(name, form)
    text = inspect.getdoc(objective.func if isinstance(objective, partial) else objective)
    assert "nats" in text or "dimensionless" in text or "penalty" in text
    assert "Source" in text or name == "lm"
