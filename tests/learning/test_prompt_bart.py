"""What may flow into an output is shown by gradients; what may not has a gradient of exactly zero."""

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ehrgen.core import checksums
from ehrgen.data.sequences.vocabulary import PAD
from ehrgen.learning.batches import Batch
from ehrgen.learning.model import packing
from ehrgen.learning.model.distribution import DISTRIBUTIONS
from ehrgen.learning.model.output import Output
from ehrgen.learning.model.packing import Prefixed
from ehrgen.learning.model.prompt_bart import FOLDER, ModelError, PromptBart
from ehrgen.learning.model.prompts import PROMPTS
from tests.support.sequences import tiny
from tests.support.training import CPU, bart_checkpoint, batch_of, here, recipe, same, untrained, weights

ROWS = [0, 1, 2, 3, 5, 8]
switches = pytest.mark.parametrize(("encoder", "decoder"), list(itertools.product([True, False], repeat=2)))


def with_embeddings(model: PromptBart, batch: Batch) -> tuple[Output, Tensor, Tensor]:
    """The output, and the token embeddings that entered encoder and decoder, for gradients."""
    seen: list[Tensor] = []
    hook = model.bart.shared.register_forward_hook(lambda module, inputs, output: seen.append(output))
    out = model(batch)
    hook.remove()
    encoder, decoder = seen
    return out, encoder, decoder


def flow(value: Tensor, source: Tensor) -> Tensor:
    """[tokens]: how strongly each embedding of `source` moves `value`."""
    return torch.autograd.grad(value, source, retain_graph=True)[0].abs().sum(dim=-1)


@pytest.mark.parametrize("hierarchy", DISTRIBUTIONS)
def test_causality(hierarchy: str):
    batch = batch_of(tiny(), ROWS)
    out, _, embeddings = with_embeddings(untrained(hierarchy=hierarchy), batch)
    numbers = torch.arange(len(batch.target))
    for n in range(0, len(batch.target), 3):
        values = (out.target_log_prob[n], out.class_log_prob[n].exp().square().sum(), out.age_logits[n].square().sum())
        for value in values:
            moved = flow(value, embeddings)
            assert torch.equal(moved > 0, (batch.patient == batch.patient[n]) & (numbers <= n))


def test_sex_is_read_off_the_codes_alone_if_told_so(monkeypatch: pytest.MonkeyPatch):
    batch, decode = batch_of(tiny(), ROWS), packing.decode
    for pool, counted in (("codes", batch.reads_code), ("all", torch.ones_like(batch.reads_code))):
        states: list[Tensor] = []

        def seen(*arguments: object, states: list[Tensor] = states) -> Tensor:
            states.append(decode(*arguments))
            return states[0]

        monkeypatch.setattr(packing, "decode", seen)
        out = untrained(sex_pool=pool)(batch)
        moved = flow(out.sex_logits.square().sum(), states[0])
        is_token = Prefixed.of(batch.real.sum(1).numpy(), PROMPTS, [np.arange(len(ROWS))], CPU).position_of_token
        assert torch.equal(moved[is_token] > 0, counted)
        moved[is_token] = float(pool == "all")
        assert torch.equal(moved > 0, torch.full_like(moved, pool == "all", dtype=torch.bool))


def test_the_record_in_the_encoder_shows_the_future():
    """The variant that copies: why it is not the base."""
    batch = batch_of(tiny(), ROWS, "record")
    out, encoder, _ = with_embeddings(untrained(encoder_input="record"), batch)
    moved = flow(out.target_log_prob[0], encoder)
    patient = (batch.encoder != PAD).nonzero()[:, 0]
    assert torch.equal(moved > 0, patient == 0)


@switches
@pytest.mark.parametrize("change", ["age", "sex"])
def test_demographics_reach_the_output_exactly_if_a_prompt_is_on(encoder: bool, decoder: bool, change: str):
    model = untrained(prompt_encoder=encoder, prompt_decoder=decoder, prompt_output=False)
    batch = batch_of(tiny(), ROWS)
    other = {"age": batch.age + 30, "sex": batch.sex}
    if change == "sex":
        other = {"age": batch.age, "sex": 1 - batch.sex}
    changed = model(Batch(**{**vars(batch), **other})).target_log_prob
    moved = (changed - model(batch).target_log_prob).abs()
    assert (moved.max() > 1e-4) if encoder or decoder else (moved.max() == 0)


@switches
def test_only_the_prompts_that_are_on_have_parameters(encoder: bool, decoder: bool):
    model = untrained(prompt_encoder=encoder, prompt_decoder=decoder)
    names = {name.split(".")[0] for name, _ in model.named_parameters()}
    assert ("encoder_prompt" in names, "decoder_prompt" in names) == (encoder, decoder)


@pytest.mark.parametrize("encoder_input", ["prompt", "record"])
def test_a_patient_is_the_same_alone_and_among_longer_ones(encoder_input: str):
    model = untrained(encoder_input=encoder_input)
    alone, among = batch_of(tiny(), [3], encoder_input), batch_of(tiny(), [*range(20)], encoder_input)
    assert among.inputs.shape[1] > alone.inputs.shape[1]
    ours = among.patient == 3
    one, all_ = model(alone), model(among)
    torch.testing.assert_close(all_.target_log_prob[ours], one.target_log_prob, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(all_.age_logits[ours], one.age_logits, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(all_.sex_logits[3], one.sex_logits[0], atol=1e-5, rtol=1e-4)


def test_repeats_are_impossible_exactly_if_forbidden():
    model, batch = untrained(), batch_of(tiny(), ROWS)
    first = batch.used_at[0]
    again = batch.target.clone()
    again[first] = batch.used_symbol[0]
    batch = Batch(**{**vars(batch), "target": again})
    assert model(batch, forbid_used=True).target_log_prob[first] < -1e6
    assert model(batch, forbid_used=False).target_log_prob[first] > -1e3


def test_shared_parameters_are_all_but_the_heads():
    model = untrained()
    shared = {id(parameter) for parameter in model.shared_parameters()}
    own = [model.age_head, model.sex_head, model.readout, model.distribution, model.direct]
    heads = {id(parameter) for part in own for parameter in part.parameters()}
    assert not shared & heads
    assert shared | heads == {id(parameter) for parameter in model.parameters()}
    for part in (model.bart, model.encoder_prompt, model.decoder_prompt):
        assert {id(parameter) for parameter in part.parameters()} <= shared


@pytest.mark.parametrize("hierarchy", DISTRIBUTIONS)
def test_loading_gives_the_model_that_was_saved(tmp_path: Path, hierarchy: str):
    model, batch = untrained(hierarchy=hierarchy, prompt_encoder=False, sex_pool="all"), batch_of(tiny(), ROWS)
    model.save(tmp_path / "model")
    loaded = PromptBart.load(tmp_path / "model").placed(here())
    assert not loaded.training
    assert same(weights(loaded), weights(model))
    assert loaded.vocabulary == model.vocabulary and loaded.max_tokens == model.max_tokens
    before, after = model(batch), loaded(batch)
    assert all(torch.equal(value, vars(after)[name]) for name, value in vars(before).items())
    assert {path.suffix for path in (tmp_path / "model").iterdir()} == {".json", ".safetensors"}


def test_weights_of_another_shape_are_refused():
    state = untrained().untied_state()
    with pytest.raises(ValueError, match=r"missing \['encoder_prompt"):
        untrained().load_untied({name: v for name, v in state.items() if not name.startswith("encoder_prompt")})
    with pytest.raises(ValueError, match=r"unknown \['surplus'\]"):
        untrained().load_untied({**state, "surplus": torch.zeros(1)})


def test_seeds():
    first, again, other = (weights(untrained(seed)) for seed in (1, 1, 2))
    assert same(first, again) and not same(first, other)


def test_a_pretrained_checkpoint_gives_the_weights(tmp_path: Path):
    bart = bart_checkpoint(tmp_path / "bart")
    settings = recipe(pretrained=str(tmp_path / "bart")).model
    model = PromptBart(settings, tiny().vocabulary, 64, "codes").placed(here())
    ours, theirs = model.bart.state_dict(), bart.state_dict()
    for name, value in theirs.items():
        if "embed_tokens" not in name and name != "shared.weight":
            assert torch.equal(ours[name], value), name
    assert len(model.bart.shared.weight) == len(tiny().vocabulary)
    batch = batch_of(tiny(), ROWS)
    out = model.eval()(batch)
    (gradient,) = torch.autograd.grad(out.target_log_prob.sum(), model.bart.shared.weight, retain_graph=True)
    assert torch.equal(gradient.any(dim=1), torch.bincount(batch.inputs[batch.real], minlength=len(gradient)) > 0)
    model.save(tmp_path / "model")
    again = PromptBart.load(tmp_path / "model").placed(here())
    assert torch.equal(again(batch).target_log_prob, out.target_log_prob)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "model.safetensors").write_bytes(b"{}"), "model.safetensors is not what was written"),
        (
            lambda folder: (folder / "vocabulary.json").write_text('{"codes": [], "counts": []}'),
            "vocabulary.json is not",
        ),
        (lambda folder: (folder / "config.json").unlink(), "config.json is missing"),
        (lambda folder: (folder / "checksums.json").unlink(), "checksums.json is missing"),
        (shutil.rmtree, "checksums.json is missing"),
    ],
)
def test_a_damaged_model_is_refused_in_one_line(damage: Callable, message: str, tmp_path: Path):
    untrained().save(tmp_path / "model")
    damage(tmp_path / "model")
    with pytest.raises(ModelError, match=f"model: no whole model: {message}.*; train it again"):
        PromptBart.load(tmp_path / "model")


def test_a_model_of_another_version_is_refused_in_one_line(tmp_path: Path):
    """Whole, but of settings that this version does not know."""
    untrained().save(tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    path.write_text(path.read_text().replace('"visit_output"', '"visit_input"'))
    checksums.seal(tmp_path / "model", FOLDER)
    with pytest.raises(ModelError, match=r"of another version of this program .*; train it again") as refused:
        PromptBart.load(tmp_path / "model")
    assert "\n" not in str(refused.value)
