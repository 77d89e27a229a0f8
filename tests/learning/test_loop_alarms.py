import itertools
from pathlib import Path

import pytest
import torch

from ehrgen.learning.batches import Batch
from ehrgen.learning.model.output import Output
from ehrgen.learning.objectives.table import NothingToScoreError
from ehrgen.learning.training.loop import Learner, TrainingError
from tests.support.sequences import tiny
from tests.support.training import here, matrices, recipe, trained


@pytest.mark.slow
def test_a_constant_is_named_once_in_the_log(tmp_path: Path, capsys: pytest.CaptureFixture):
    trained(recipe(epochs=2, cooccur_form="observed"), tmp_path / "observed")
    (warning,) = [line for line in capsys.readouterr().out.splitlines() if "cooccur is" in line]
    assert warning.startswith("warning: epoch 1: cooccur is constant: value ") and "set loss.cooccur to 0" in warning
    trained(recipe(epochs=1), tmp_path / "expected")
    assert "constant" not in capsys.readouterr().out


@pytest.mark.slow
def test_a_leak_is_named_once_in_the_log(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    learner = Learner(recipe(epochs=2), tiny(), matrices(), here())
    probed = learner.probes.measure(learner.model)
    leaky = {"validation_value": 0.1, "chance": 0.7, "value_codes_shuffled": 0.1, "value_prompts_shuffled": 3.0}
    measured = probed | {"sex": probed["sex"] | leaky}
    monkeypatch.setattr(learner.probes, "measure", lambda model: measured)
    learner.epoch(1)
    (said,) = capsys.readouterr().out.splitlines()
    assert said.startswith("warning: epoch 1: sex is leaky: 0.1 nats, 0.7 at chance, 3 with another patient's prompt")
    learner.epoch(2)
    assert not capsys.readouterr().out


@pytest.mark.slow
def test_not_a_number_stops_with_step_objective_and_shape():
    learner = Learner(recipe(), tiny(), matrices(), here())
    learner.epoch(1)
    with torch.no_grad():
        learner.model.age_head[0].weight[0, 0] = torch.nan
    with pytest.raises(TrainingError, match=rf"step {learner.steps_per_epoch}: age=nan; batch of shape \(\d+, \d+\)"):
        learner.epoch(2)


@pytest.mark.slow
def test_an_infinite_gradient_stops_too():
    learner = Learner(recipe(), tiny(), matrices(), here())
    learner.model.bart.shared.weight.register_hook(lambda gradient: gradient * torch.inf)
    with pytest.raises(TrainingError, match="step 0: gradient norm"):
        learner.epoch(1)


@pytest.mark.slow
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


@pytest.mark.slow
def test_nothing_to_score_in_a_whole_epoch_is_an_error(monkeypatch: pytest.MonkeyPatch):
    def never(out: Output, batch: Batch) -> torch.Tensor:
        raise NothingToScoreError("no pair")

    learner = Learner(recipe(epochs=1), tiny(), matrices(), here())
    monkeypatch.setitem(learner.objectives, "cooccur", never)
    with pytest.raises(TrainingError, match="epoch 1: no batch gave cooccur anything to score"):
        learner.epoch(1)


@pytest.mark.slow
def test_a_total_without_a_path_to_any_parameter_is_an_error():
    settings = recipe(lm=0, age=0, sex=0, cooccur=1, cooccur_form="observed")
    with pytest.raises(TrainingError, match="step 0: no objective with a weight reaches a parameter: cooccur"):
        Learner(settings, tiny(), matrices(), here()).epoch(1)
