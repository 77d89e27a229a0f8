from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ehrgen.data.sequences.sequences import Sequences
from ehrgen.learning.batches import Batch, batches
from ehrgen.learning.model.output import Output
from ehrgen.learning.settings import LossSettings
from ehrgen.learning.training import weighting
from ehrgen.learning.training.history import Row
from ehrgen.learning.training.loop import Learner, TrainingError
from ehrgen.learning.training.weighting import SCHEMES, WeightingError
from tests.support.sequences import tiny
from tests.support.training import here, matrices, recipe, same, trained, weights


def split(name: str) -> Sequences:
    return tiny().of_split(name)


def independent_total(out: Output, batch: Batch, settings: LossSettings) -> torch.Tensor:
    """The weighted sum of all four objectives, recomputed from the model's output in double precision."""
    log = torch.log_softmax
    lm = -out.target_log_prob.double().mean()
    rows = torch.arange(len(batch.patient))
    age = -log(out.age_logits.double(), -1)[rows, batch.bracket[batch.patient]].mean()
    sex = -log(out.sex_logits.double(), -1)[torch.arange(len(batch.sex)), batch.sex].mean()
    category = torch.from_numpy(tiny().vocabulary.symbol_class) - 2
    penalty = torch.from_numpy(matrices()["category"].penalty(settings.cooccur_threshold)).double()
    codes = out.class_log_prob.double()[:, 2:]
    expected = []
    for position in sorted(set(batch.used_at.tolist())):
        held = category[batch.used_symbol[batch.used_at == position]]
        expected.append(torch.softmax(codes[position], -1) @ penalty[held].mean(dim=0))
    cooccur = torch.stack(expected).mean()
    return settings.lm * lm + settings.age * age + settings.sex * sex + settings.cooccur * cooccur


@pytest.mark.slow
def test_the_total_is_the_weighted_sum_in_value_and_in_gradient():
    """One step on the whole split descends the total."""
    settings = recipe(
        epochs=1, batch_tokens=10**6, dropout=0, order="position", clip=1e9, lm=1.5, age=0.7, sex=0.4, cooccur=2
    )
    learner = Learner(settings, tiny(), matrices(), here())
    (batch,) = batches(split("train"), 10**6)
    total = independent_total(learner.model(batch), batch, settings.loss)
    wanted = torch.autograd.grad(total, list(learner.model.parameters()), allow_unused=True)
    rows = learner.epoch(1)
    assert sum(row.weighted for row in rows) == pytest.approx(total.item(), abs=1e-5)
    for parameter, gradient in zip(learner.model.parameters(), wanted, strict=True):
        assert (parameter.grad is None) == (gradient is None)
        if gradient is not None:
            torch.testing.assert_close(parameter.grad, gradient, atol=1e-5, rtol=1e-3)


@pytest.mark.slow
def test_gradient_norms_are_those_of_the_objectives_alone():
    settings = recipe(epochs=1, batch_tokens=10**6, dropout=0, order="position")
    learner = Learner(settings, tiny(), matrices(), here())
    (batch,) = batches(split("train"), 10**6)
    totals = learner.losses(batch)
    shared = learner.model.shared_parameters()
    expected = {}
    for name, total in totals.items():
        gradients = torch.autograd.grad(total, shared, allow_unused=True, retain_graph=True)
        expected[name] = torch.cat([g.flatten() for g in gradients if g is not None]).norm().item()
    assert {row.objective: row.grad_norm for row in learner.epoch(1)} == pytest.approx(expected, rel=1e-3)


SCHEDULES = {
    "sex": {"kind": "step", "until_epoch": 1},
    "cooccur": {"kind": "linear", "start": 0, "end": 1, "until_epoch": 2},
}


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_goes_on_after_a_stop_as_if_there_had_been_none(scheme: str, tmp_path: Path):
    """Stopped in epoch 3, when each scheme has moved its weights; the same to the last bit as in one go."""
    settings = recipe(epochs=3, batch_tokens=512, weighting=scheme, schedules=SCHEDULES)
    whole, rows = trained(settings, tmp_path / "whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Learner, "epoch", stopping_in(3, Learner.epoch))
        with pytest.raises(KeyboardInterrupt):
            trained(settings, tmp_path / "stopped")
    resumed, same_rows = trained(settings, tmp_path / "stopped")
    assert same(weights(resumed), weights(whole)) and same_rows == rows
    moved = {row.objective: row.weight for row in rows if row.epoch == 3}
    assert moved["sex"] == 0 and (moved["age"] == 0.1) == (scheme in ("fixed", "pcgrad"))


def stopping_in(epoch: int, run: Callable) -> Callable:
    def stopped(learner: Learner, number: int) -> list[Row]:
        if number == epoch:
            raise KeyboardInterrupt
        return run(learner, number)

    return stopped


@pytest.mark.slow
@pytest.mark.parametrize("scheme", [name for name in SCHEMES if name != "fixed"])
def test_dynamic_schemes_refuse_the_analysed_constant(scheme: str):
    learner = Learner(recipe(weighting=scheme, cooccur_form="observed"), tiny(), matrices(), here())
    with pytest.raises(WeightingError, match=rf"{scheme}: no path to the shared parameters from cooccur \(value"):
        learner.epoch(1)


@pytest.mark.slow
def test_the_analysed_constant_changes_no_bit(tmp_path: Path):
    """Not even where gradients are measured, and the step is put together from them."""
    observed, none = (
        trained(recipe(**changes), tmp_path / name)[0]
        for name, changes in (("observed", {"cooccur_form": "observed", "cooccur": 0.7}), ("none", {"cooccur": 0}))
    )
    assert same(weights(observed), weights(none))


@pytest.mark.slow
def test_gradnorm_makes_equal_shares_of_the_gradient(monkeypatch: pytest.MonkeyPatch):
    """Within three tiny epochs, by a rate that fits so few steps; age starts with less than a thirtieth of another."""
    monkeypatch.setattr(weighting, "RATE", 0.3)
    spread = {}
    for name in ("fixed", "gradnorm"):
        learner = Learner(recipe(epochs=3, weighting=name, age=0.001), tiny(), matrices(), here())
        shares = [[row.grad_share for row in learner.epoch(number)] for number in (1, 2, 3)]
        spread[name] = max(shares[-1]) / min(shares[-1])
    assert spread["gradnorm"] < 3 < 30 < spread["fixed"]


@pytest.mark.slow
def test_own_gradients_add_up_to_the_gradient_of_the_sum():
    """GradNorm's first step has the configured weights: the same gradient as with fixed ones."""
    of_scheme = {}
    for scheme in ("fixed", "gradnorm"):
        settings = recipe(epochs=1, batch_tokens=10**6, dropout=0, order="position", clip=1e9, weighting=scheme)
        learner = Learner(settings, tiny(), matrices(), here())
        learner.epoch(1)
        of_scheme[scheme] = [p.grad for p in learner.model.parameters()]
    for ours, wanted in zip(of_scheme["gradnorm"], of_scheme["fixed"], strict=True):
        assert (ours is None) == (wanted is None)
        if wanted is not None:
            torch.testing.assert_close(ours, wanted, atol=1e-6, rtol=1e-4)


@pytest.mark.slow
def test_a_schedule_turns_an_objective_off_and_its_head_stands_still():
    plan = {"sex": {"kind": "step", "until_epoch": 1}}
    learner = Learner(recipe(schedules=plan), tiny(), matrices(), here())
    first = {row.objective: row for row in learner.epoch(1)}
    head = weights(learner.model.sex_head)
    second = {row.objective: row for row in learner.epoch(2)}
    assert same(weights(learner.model.sex_head), head)
    assert first["sex"].weight == 0.1 and second["sex"].weight == second["sex"].grad_share == 0
    assert second["sex"].value > 0 < second["sex"].grad_norm  # still watched
    assert second["age"].weight == 0.1


@pytest.mark.slow
def test_weights_move_within_an_epoch():
    plan = {"sex": {"kind": "linear", "start": 0, "end": 1, "until_epoch": 1}}
    learner = Learner(recipe(schedules=plan, epochs=2), tiny(), matrices(), here())
    steps = learner.steps_per_epoch
    assert [learner.weights(step)["sex"] for step in (0, steps, 2 * steps)] == pytest.approx([0, 0.1, 0.1])
    mean = {row.objective: row.weight for row in learner.epoch(1)}["sex"]
    assert mean == pytest.approx(0.05 * (steps - 1) / steps, rel=0.05)  # steps differ a little in length


@pytest.mark.slow
def test_schedules_that_leave_nothing_are_an_error():
    off = {"kind": "step", "until_epoch": 1}
    settings = recipe(age=0, cooccur=0, schedules={"lm": off, "sex": off})
    learner = Learner(settings, tiny(), matrices(), here())
    learner.epoch(1)
    with pytest.raises(TrainingError, match=rf"step {learner.steps_per_epoch}: loss.schedules leave no weight above 0"):
        learner.epoch(2)
