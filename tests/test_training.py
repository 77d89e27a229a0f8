import itertools
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from made_up import cohort
from records import learnable, sequences_of, tiny
from tiny_learning import here, matrices, recipe, same, weights

from ehrgen.data import cooccurrence
from ehrgen.data.sequences import Sequences
from ehrgen.learning import training, weighting
from ehrgen.learning.batches import Batch, batches
from ehrgen.learning.checkpoint import Checkpoint
from ehrgen.learning.history import Row
from ehrgen.learning.model import Output, PromptBart
from ehrgen.learning.objectives import NothingToScoreError
from ehrgen.learning.probes import ProbeFacts
from ehrgen.learning.settings import LossSettings, Recipe
from ehrgen.learning.training import Learner, TrainingError, train
from ehrgen.learning.weighting import SCHEMES, WeightingError


def split(name: str) -> Sequences:
    return tiny().of_split(name)


def trained(settings: Recipe, folder: Path) -> tuple[PromptBart, list[Row]]:
    return train(settings, tiny(), matrices(), here(), Checkpoint(folder))


def test_a_seed_repeats_bit_for_bit_and_another_differs(tmp_path: Path):
    """With everything on that draws numbers: dropout, shuffled codes, a corrupted record, mixed patients."""
    runs = [
        trained(recipe(seed, encoder_input="corrupted"), tmp_path / name)
        for seed, name in [(1, "first"), (1, "again"), (2, "other")]
    ]
    first, again, other = (weights(model) for model, _ in runs)
    assert same(first, again) and not same(first, other)
    assert runs[0][1] == runs[1][1] != runs[2][1]


def test_it_learns(tmp_path: Path):
    """Unseen patients cost half of what the frequencies of training say, near what the cohort's process does."""
    sequences = learnable()
    counts = cooccurrence.count(sequences.of_split("train"))
    settings = recipe(epochs=10, learning_rate=0.02, order="position")
    model, rows = train(settings, sequences, counts, here(), Checkpoint(tmp_path / "checkpoint"))
    assert not model.training
    for name in ("lm", "age", "sex"):
        values = [row.value for row in rows if row.objective == name]
        assert values[-1] < 0.5 * values[0]
    parts = [sequences.of_split(name) for name in ("train", "validation")]
    seen, unseen = (np.delete(part.tokens, part.offsets[:-1]) for part in parts)
    frequencies = -np.log((np.bincount(seen) / len(seen))[unseen]).mean()
    process = 3 * (0.75 * np.log(4 / 3) + 0.25 * np.log(4)) / (1 + 3 * 0.75)  # nats a symbol, <eos> included
    assert rows[-1].validation_nll == pytest.approx(process, rel=0.25)
    assert rows[-1].validation_nll < 0.5 * frequencies


@pytest.mark.parametrize(
    "changes",
    [
        {"order": "position", "hierarchy": "category", "encoder_input": "record", "mask_repeats": False},
        {"order": "frequency", "hierarchy": "flat", "prompt_encoder": False},
        {"cooccur_form": "observed", "sex_pool": "all", "prompt_decoder": False},
        {"precision": "bf16", "batch_tokens": 64, "warmup": 0.0},
    ],
)
def test_every_option_trains(changes: dict, tmp_path: Path):
    _, rows = trained(recipe(epochs=1, **changes), tmp_path / "checkpoint")
    assert all(np.isfinite([row.value, row.grad_norm, row.validation_nll]).all() for row in rows)


def test_history_has_a_row_an_epoch_and_objective(tmp_path: Path):
    _, rows = trained(recipe(sex=0, cooccur_form="observed", cooccur=0.5), tmp_path / "checkpoint")
    assert [(row.epoch, row.objective) for row in rows] == [(e, n) for e in (1, 2) for n in ("lm", "age", "cooccur")]
    assert {row.objective: row.weight for row in rows} == {"lm": 1, "age": 0.1, "cooccur": 0.5}
    for row in rows:
        assert row.weighted == pytest.approx(row.weight * row.value)
        assert row.grad_cosine is None if row.objective == "cooccur" else -1 <= row.grad_cosine <= 1
        assert row.grad_cosine == pytest.approx(1) or row.objective != "lm"
        assert (row.grad_norm == row.grad_share == 0) == (row.objective == "cooccur")  # the analysed constant
    for epoch in (rows[:3], rows[3:]):
        assert sum(row.share for row in epoch) == pytest.approx(1)
        assert sum(row.grad_share for row in epoch) == pytest.approx(1)
    constant = [row.value for row in rows if row.objective == "cooccur"]
    assert constant[0] == pytest.approx(constant[1], rel=0.02)  # but for which patients a batch holds


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


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_goes_on_after_a_stop_as_if_there_had_been_none(scheme: str, tmp_path: Path):
    """Stopped in epoch 3, when each scheme has moved its weights; the same to the last bit as in one go."""
    settings = recipe(epochs=3, batch_tokens=512, weighting=scheme, schedules=SCHEDULES)
    whole, rows = trained(settings, tmp_path / "whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training.Learner, "epoch", stopping_in(3, training.Learner.epoch))
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


@pytest.mark.parametrize("scheme", [name for name in SCHEMES if name != "fixed"])
def test_dynamic_schemes_refuse_the_analysed_constant(scheme: str):
    learner = Learner(recipe(weighting=scheme, cooccur_form="observed"), tiny(), matrices(), here())
    with pytest.raises(WeightingError, match=rf"{scheme}: no path to the shared parameters from cooccur \(value"):
        learner.epoch(1)


def test_the_analysed_constant_changes_no_bit(tmp_path: Path):
    """Not even where gradients are measured, and the step is put together from them."""
    observed, none = (
        trained(recipe(**changes), tmp_path / name)[0]
        for name, changes in (("observed", {"cooccur_form": "observed", "cooccur": 0.7}), ("none", {"cooccur": 0}))
    )
    assert same(weights(observed), weights(none))


def test_gradnorm_makes_equal_shares_of_the_gradient(monkeypatch: pytest.MonkeyPatch):
    """Within three tiny epochs, by a rate that fits so few steps; age starts with less than a thirtieth of another."""
    monkeypatch.setattr(weighting, "RATE", 0.3)
    spread = {}
    for name in ("fixed", "gradnorm"):
        learner = Learner(recipe(epochs=3, weighting=name, age=0.001), tiny(), matrices(), here())
        shares = [[row.grad_share for row in learner.epoch(number)] for number in (1, 2, 3)]
        spread[name] = max(shares[-1]) / min(shares[-1])
    assert spread["gradnorm"] < 3 < 30 < spread["fixed"]


def test_own_gradients_add_up_to_the_gradient_of_the_sum():
    """GradNorm's first step has the configured weights: the same gradient as with fixed ones."""
    found = {}
    for scheme in ("fixed", "gradnorm"):
        settings = recipe(epochs=1, batch_tokens=10**6, dropout=0, order="position", clip=1e9, weighting=scheme)
        learner = Learner(settings, tiny(), matrices(), here())
        learner.epoch(1)
        found[scheme] = [p.grad for p in learner.model.parameters()]
    for ours, wanted in zip(found["gradnorm"], found["fixed"], strict=True):
        assert (ours is None) == (wanted is None)
        if wanted is not None:
            torch.testing.assert_close(ours, wanted, atol=1e-6, rtol=1e-4)


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


def test_weights_move_within_an_epoch():
    plan = {"sex": {"kind": "linear", "start": 0, "end": 1, "until_epoch": 1}}
    learner = Learner(recipe(schedules=plan, epochs=2), tiny(), matrices(), here())
    steps = learner.steps_per_epoch
    assert [learner.weights(step)["sex"] for step in (0, steps, 2 * steps)] == pytest.approx([0, 0.1, 0.1])
    mean = {row.objective: row.weight for row in learner.epoch(1)}["sex"]
    assert mean == pytest.approx(0.05 * (steps - 1) / steps, rel=0.05)  # steps differ a little in length


def test_schedules_that_leave_nothing_are_an_error():
    off = {"kind": "step", "until_epoch": 1}
    settings = recipe(age=0, cooccur=0, schedules={"lm": off, "sex": off})
    learner = Learner(settings, tiny(), matrices(), here())
    learner.epoch(1)
    with pytest.raises(TrainingError, match=rf"step {learner.steps_per_epoch}: loss.schedules leave no weight above 0"):
        learner.epoch(2)


def test_a_constant_is_named_once_in_the_log(tmp_path: Path, capsys: pytest.CaptureFixture):
    trained(recipe(epochs=2, cooccur_form="observed"), tmp_path / "observed")
    (warning,) = [line for line in capsys.readouterr().out.splitlines() if "cooccur is" in line]
    assert warning.startswith("warning: epoch 1: cooccur is a constant: value ") and "set loss.cooccur to 0" in warning
    trained(recipe(epochs=1), tmp_path / "expected")
    assert "constant" not in capsys.readouterr().out


def test_not_a_number_stops_with_step_objective_and_shape():
    learner = Learner(recipe(), tiny(), matrices(), here())
    learner.epoch(1)
    with torch.no_grad():
        learner.model.age_head[0].weight[0, 0] = torch.nan
    with pytest.raises(TrainingError, match=rf"step {learner.steps_per_epoch}: age=nan; batch of shape \(\d+, \d+\)"):
        learner.epoch(2)


def test_an_infinite_gradient_stops_too():
    learner = Learner(recipe(), tiny(), matrices(), here())
    learner.model.bart.shared.weight.register_hook(lambda gradient: gradient * torch.inf)
    with pytest.raises(TrainingError, match="step 0: gradient norm"):
        learner.epoch(1)


def test_validation_sees_what_the_sampler_sees():
    """Whatever the encoder reads in training: judged from the prompt alone, with and without the record."""
    nll = {}
    for encoder_input in ("prompt", "record"):
        learner = Learner(recipe(encoder_input=encoder_input), tiny(), matrices(), here())
        nll[encoder_input] = learner.validation_nll()
    assert nll["prompt"] == nll["record"]


def test_a_history_longer_than_a_batch_is_no_obstacle(tmp_path: Path):
    codes = " ".join(f"{category}{digit}" for category in range(400, 420) for digit in range(5))
    patients = cohort([[codes], ["4000 4011"], ["4020 4030"], [codes, codes]])
    sequences = sequences_of(patients.with_split({"train": 0.5, "validation": 0.5}, np.random.default_rng(0)))
    counts = cooccurrence.count(sequences)
    settings = recipe(epochs=1, batch_tokens=64)
    _, rows = train(settings, sequences, counts, here(), Checkpoint(tmp_path / "checkpoint"))
    assert all(np.isfinite(row.value) for row in rows)


def test_an_objective_has_no_say_where_it_has_nothing_to_score(monkeypatch: pytest.MonkeyPatch):
    """Half of the calls find no pair: the epoch's value is the mean of the others, not diluted with zeros."""
    learner = Learner(recipe(epochs=1, batch_tokens=64), tiny(), matrices(), here())
    calls = itertools.count()

    def every_other(out: Output, batch: Batch) -> torch.Tensor:
        if next(calls) % 2:
            raise NothingToScoreError("no pair")
        return torch.tensor(3.0)

    monkeypatch.setitem(learner.objectives, "cooccur", every_other)
    (value,) = [row.value for row in learner.epoch(1) if row.objective == "cooccur"]
    assert next(calls) > 2
    assert value == pytest.approx(3.0)


def test_nothing_to_score_in_a_whole_epoch_is_an_error(monkeypatch: pytest.MonkeyPatch):
    def never(out: Output, batch: Batch) -> torch.Tensor:
        raise NothingToScoreError("no pair")

    learner = Learner(recipe(epochs=1), tiny(), matrices(), here())
    monkeypatch.setitem(learner.objectives, "cooccur", never)
    with pytest.raises(TrainingError, match="epoch 1: no batch gave cooccur anything to score"):
        learner.epoch(1)


def test_a_total_without_a_path_to_any_parameter_is_an_error():
    settings = recipe(lm=0, age=0, sex=0, cooccur=1, cooccur_form="observed")
    with pytest.raises(TrainingError, match="step 0: no objective with a weight reaches a parameter: cooccur"):
        Learner(settings, tiny(), matrices(), here()).epoch(1)


def test_rows_carry_what_the_probes_found():
    learner = Learner(recipe(epochs=1), tiny(), matrices(), here())
    rows = learner.epoch(1)
    found = learner.probes.measure(learner.model)
    for row in rows:
        assert asdict(found[row.objective]).items() <= asdict(row).items()
    assert {row.objective: row.accuracy is None for row in rows} == {
        "lm": True,
        "age": False,
        "sex": False,
        "cooccur": True,
    }


def test_a_leak_is_named_once_in_the_log(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    learner = Learner(recipe(epochs=2), tiny(), matrices(), here())
    leaky = ProbeFacts(0.1, 0.7, 1.0, 0.1, 0.99, 3.0, 0.5, 0.6, 0.5)
    measured = learner.probes.measure(learner.model) | {"sex": leaky}
    monkeypatch.setattr(learner.probes, "measure", lambda model: measured)
    learner.epoch(1)
    (said,) = capsys.readouterr().out.splitlines()
    assert said.startswith("warning: epoch 1: sex is leaky: 99% right with the codes of other patients")
    learner.epoch(2)
    assert not capsys.readouterr().out
