from pathlib import Path

import pytest
import torch

from ehrgen.core.checksums import DamagedError
from ehrgen.learning.model.prompt_bart import PromptBart
from ehrgen.learning.training.checkpoint import Checkpoint
from ehrgen.learning.training.history import Row
from ehrgen.learning.training.weighting import Fixed, Uncertainty
from tests.support.sequences import tiny
from tests.support.training import batch_of, same, untrained, weights

ROWS = [
    Row(1, "lm", 2.5, 1.0, 2.5, 1.0, 0.1, 1.0, None, 3.0),
    Row(2, "lm", 1 / 3, 1.0, 1 / 3, 1.0, 1e-9, 1.0, 1 / 7, 2.0),
]
NOTHING_LEARNED = Fixed({"lm": 1.0})


def optimizer_of(model: PromptBart) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), lr=0.01, fused=True)


def steps(model: PromptBart, optimizer: torch.optim.Optimizer, count: int) -> None:
    for _ in range(count):
        optimizer.zero_grad()
        (-model(batch_of(tiny(), [0, 1, 2, 3])).target_log_prob.mean()).backward()
        optimizer.step()


def test_going_on_equals_never_having_stopped(tmp_path: Path):
    model = untrained()
    optimizer = optimizer_of(model)
    steps(model, optimizer, 2)
    checkpoint = Checkpoint(tmp_path / "checkpoint")
    checkpoint.save(model, optimizer, NOTHING_LEARNED, ROWS)
    steps(model, optimizer, 2)

    other = untrained(seed=9)
    restored = optimizer_of(other)
    assert checkpoint.restore(other, restored, NOTHING_LEARNED) == ROWS
    steps(other, restored, 2)
    assert same(weights(other), weights(model))


def test_weights_alone_would_not_do(tmp_path: Path):
    """The moments matter: the test above can fail."""
    model = untrained()
    optimizer = optimizer_of(model)
    steps(model, optimizer, 2)
    other = untrained(seed=9)
    other.load_untied(model.untied_state())
    steps(model, optimizer, 1)
    steps(other, optimizer_of(other), 1)
    assert not same(weights(other), weights(model))


def test_without_a_checkpoint_nothing_changes(tmp_path: Path):
    model = untrained()
    before = weights(model)
    assert Checkpoint(tmp_path / "none").restore(model, optimizer_of(model), NOTHING_LEARNED) == []
    assert same(weights(model), before)


def test_the_newest_replaces_the_older_and_nothing_is_pickled(tmp_path: Path):
    model = untrained()
    checkpoint = Checkpoint(tmp_path / "checkpoint")
    checkpoint.save(model, optimizer_of(model), NOTHING_LEARNED, ROWS[:1])
    checkpoint.save(model, optimizer_of(model), NOTHING_LEARNED, ROWS)
    assert checkpoint.restore(untrained(), optimizer_of(untrained()), NOTHING_LEARNED) == ROWS
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]
    assert {path.suffix for path in checkpoint.folder.iterdir()} == {".json", ".safetensors"}


def test_of_another_training_or_damaged_it_is_refused(tmp_path: Path):
    model = untrained()
    Checkpoint(tmp_path / "checkpoint", "key").save(model, optimizer_of(model), NOTHING_LEARNED, ROWS)
    with pytest.raises(DamagedError, match="checkpoint: it is of key; remove the folder, and the training starts over"):
        Checkpoint(tmp_path / "checkpoint", "another").restore(model, optimizer_of(model), NOTHING_LEARNED)
    (tmp_path / "checkpoint" / "history.json").write_text("[]")
    with pytest.raises(DamagedError, match=r"history\.json is not what was written"):
        Checkpoint(tmp_path / "checkpoint", "key").restore(model, optimizer_of(model), NOTHING_LEARNED)


def test_what_a_scheme_learned_comes_back_to_the_last_bit(tmp_path: Path):
    scheme, other = (Uncertainty({"lm": 1.0, "sex": 0.3}) for _ in range(2))
    scheme.learn({"lm": 1 / 3, "sex": 2.0}, {})
    checkpoint, model = Checkpoint(tmp_path / "checkpoint"), untrained()
    checkpoint.save(model, optimizer_of(model), scheme, ROWS)
    assert other.weights() != scheme.weights()
    checkpoint.restore(model, optimizer_of(model), other)
    assert other.weights() == scheme.weights() and other.state() == scheme.state()
