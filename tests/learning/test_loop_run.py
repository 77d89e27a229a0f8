from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from torch.testing import assert_close

from ehrgen.data.sequences import cooccurrence
from ehrgen.learning.training.checkpoint import Checkpoint
from ehrgen.learning.training.loop import Learner, train
from tests.support.cohorts import cohort
from tests.support.sequences import learnable, sequences_of, tiny
from tests.support.training import here, matrices, recipe, same, trained, weights


@pytest.mark.slow
def test_a_seed_repeats_bit_for_bit_and_another_differs(tmp_path: Path):
    """With everything on that draws numbers: dropout, shuffled codes, a corrupted record, mixed patients."""
    runs = [
        trained(recipe(seed, encoder_input="corrupted"), tmp_path / name)
        for seed, name in [(1, "first"), (1, "again"), (2, "other")]
    ]
    first, again, other = (weights(model) for model, _ in runs)
    assert same(first, again) and not same(first, other)
    assert runs[0][1] == runs[1][1] != runs[2][1]


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("weighting", ["fixed", "pcgrad"])
def test_accumulation_takes_the_same_steps(weighting: str, tmp_path: Path):
    runs = []
    for parts in (1, 3):
        settings = recipe(accumulation=parts, weighting=weighting, diversity=0.1, dropout=0)
        runs.append(trained(settings, tmp_path / f"{parts}"))
    (model, rows), (other, others) = runs
    for row, again in zip(rows, others, strict=True):
        for name, value in asdict(row).items():
            wanted = pytest.approx(value, rel=2e-5, abs=1e-6) if isinstance(value, float) else value
            assert getattr(again, name) == wanted, name
    for name, wanted in model.named_parameters():
        if not name.endswith("k_proj.bias"):  # without a gradient under softmax, so that rounding alone moves it
            assert_close(other.get_parameter(name), wanted, rtol=1e-5, atol=5e-5)  # of steps of 1e-2


@pytest.mark.slow
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


@pytest.mark.slow
def test_rows_carry_what_the_probes_found():
    learner = Learner(recipe(epochs=1), tiny(), matrices(), here())
    rows = learner.epoch(1)
    probed = learner.probes.measure(learner.model)
    for row in rows:
        assert probed[row.objective].items() <= asdict(row).items()
    assert {row.objective: row.accuracy is None for row in rows} == {
        "lm": True,
        "age": False,
        "sex": False,
        "cooccur": True,
    }


@pytest.mark.slow
def test_validation_sees_what_the_sampler_sees():
    """Whatever the encoder reads in training: judged from the prompt alone, with and without the record."""
    nll = {}
    for encoder_input in ("prompt", "record"):
        learner = Learner(recipe(encoder_input=encoder_input), tiny(), matrices(), here())
        nll[encoder_input] = learner.validation_nll()
    assert nll["prompt"] == nll["record"]


@pytest.mark.slow
def test_a_history_longer_than_a_batch_is_no_obstacle(tmp_path: Path):
    codes = " ".join(f"{category}{digit}" for category in range(400, 420) for digit in range(5))
    patients = cohort([[codes], ["4000 4011"], ["4020 4030"], [codes, codes]])
    sequences = sequences_of(patients.with_split({"train": 0.5, "validation": 0.5}, np.random.default_rng(0)))
    counts = cooccurrence.count(sequences)
    settings = recipe(epochs=1, batch_tokens=64)
    _, rows = train(settings, sequences, counts, here(), Checkpoint(tmp_path / "checkpoint"))
    assert all(np.isfinite(row.value) for row in rows)
