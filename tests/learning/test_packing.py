"""Without padding the same: the pass over real positions against transformers' own, and no patient sees another."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ehrgen.data.sequences.vocabulary import FIRST_CODE
from ehrgen.learning.batches import Batch, similar
from ehrgen.learning.model.distribution import DISTRIBUTIONS
from ehrgen.learning.model.output import Output
from ehrgen.learning.model.packing import Layout, Prefixed
from ehrgen.learning.model.prompt_bart import PromptBart, forbidden
from ehrgen.learning.training.loop import Learner
from tests.support.sequences import tiny
from tests.support.training import batch_of, here, matrices, recipe, stirred, untrained

CPU = torch.device("cpu")
ROWS = [7, 0, 1, 2, 3, 5, 8, 11, 13]


def plain(model: PromptBart, batch: Batch, forbid_used: bool = True) -> Output:
    """The model's output by transformers' encoder and decoder on padded patients."""
    states = model.decode(
        batch.inputs, batch.age, batch.sex, model.encode(batch.encoder, batch.age, batch.sex), use_cache=False
    )
    prompts = states.shape[1] - batch.inputs.shape[1]
    flat = states[:, prompts:][batch.real]
    of_patient = model.readout.patients(batch.age, batch.sex)
    of_patient = None if of_patient is None else of_patient[batch.patient]
    read = model.readout(flat, of_patient, batch.used_at, batch.used_symbol)
    target_log_prob, class_log_prob = model.distribution.target(
        read, batch.target, forbidden(batch, forbid_used), model.direct_at(batch, batch.age, batch.sex)
    )
    whole = model.sex_pool == "all"
    chosen = batch.real if whole else batch.inputs >= FIRST_CODE
    chosen = torch.cat([torch.full((len(chosen), prompts), whole), chosen], dim=1)
    pooled = torch.stack([of_one[where].mean(dim=0) for of_one, where in zip(states, chosen, strict=True)])
    return Output(target_log_prob, class_log_prob, model.age_head(flat), model.sex_head(pooled))


def gradients(model: PromptBart, out: Output) -> dict[str, Tensor | None]:
    """Of a mean over everything the model puts out, the classes' share of it random so that it does not cancel."""
    share = torch.rand(out.class_log_prob.shape, generator=torch.Generator().manual_seed(0))
    values = [
        out.target_log_prob.mean(),
        (share * out.class_log_prob.exp()).mean(),
        out.age_logits.square().mean(),
        out.sex_logits.square().mean(),
    ]
    names, parameters = zip(*model.named_parameters(), strict=True)
    return dict(zip(names, torch.autograd.grad(sum(values), parameters, allow_unused=True), strict=True))


CASES = [
    {"prompt_encoder": encoder, "prompt_decoder": decoder, "sex_pool": pool, "encoder_input": "prompt"}
    for encoder, decoder, pool in itertools.product([True, False], [True, False], ["codes", "all"])
]
CASES += [{"encoder_input": "record"}, {"encoder_input": "corrupted", "sex_pool": "all", "layers": 2}]
CASES += [{"hierarchy": hierarchy, "prompt_output": False, "visit_output": False} for hierarchy in DISTRIBUTIONS]


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("changes", CASES, ids=lambda changes: "-".join(map(str, changes.values())))
def test_values_and_gradients_are_those_of_padded_patients(changes: dict, attention: str):
    model = stirred(untrained(**changes))
    model.bart.set_attn_implementation(attention)
    batch = batch_of(tiny(), ROWS, changes.get("encoder_input", "prompt"))
    ours, wanted = model(batch), plain(model, batch)
    for name, value in vars(wanted).items():
        torch.testing.assert_close(getattr(ours, name), value, atol=5e-5, rtol=1e-4)  # logits of heads are about 5
    ours_moved, expected = gradients(model, ours), gradients(model, wanted)
    largest = max(float(gradient.abs().max()) for gradient in expected.values() if gradient is not None)
    for name, gradient in expected.items():
        assert (ours_moved[name] is None) == (gradient is None), name
        if gradient is not None:
            torch.testing.assert_close(ours_moved[name], gradient, atol=1e-5 * largest, rtol=1e-4)


@pytest.mark.parametrize("encoder_input", ["prompt", "record"])
def test_no_patient_sees_another(encoder_input: str):
    """Also within a group: what one patient puts out does not move with the prompt or the codes of the others."""
    model, batch = untrained(encoder_input=encoder_input), batch_of(tiny(), ROWS, encoder_input)
    assert max(map(len, similar(batch.real.sum(dim=1).numpy()))) > 2
    age = batch.age.clone().requires_grad_()
    entered: list[Tensor] = []
    model.bart.shared.register_forward_hook(lambda module, inputs, output: entered.append(output))
    out = model(Batch(**{**vars(batch), "age": age}))
    owners = [(batch.encoder != 0).nonzero()[:, 0], batch.patient]
    for patient in range(len(ROWS)):
        value = out.target_log_prob[batch.patient == patient].sum() + out.sex_logits[patient].square().sum()
        of_age, *of_tokens = torch.autograd.grad(value, [age, *entered], retain_graph=True)
        assert (of_age != 0).nonzero().flatten().tolist() == [patient]
        for moved, owner in zip(of_tokens, owners, strict=True):
            assert moved.abs().sum(dim=1).gt(0)[owner == patient].any()
            assert not moved[owner != patient].any()


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, {"encoder_input": "corrupted", "weighting": "pcgrad", "sex_pool": "all"}])
def test_training_takes_the_steps_it_takes_with_padding(changes: dict, monkeypatch: pytest.MonkeyPatch):
    """Two epochs of a dozen steps without dropout: all that moves the weights, gradient surgery included."""
    settings = recipe(dropout=0, epochs=2, batch_tokens=64, **changes)
    trajectories = []
    for forward in (PromptBart.forward, plain):
        monkeypatch.setattr(PromptBart, "forward", forward)
        learner = Learner(settings, tiny(), matrices(), here())
        rows = [*learner.epoch(1), *learner.epoch(2)]
        trajectories.append([value for row in rows for value in (row.value, row.grad_norm, row.validation_nll)])
    assert learner.steps_per_epoch > 5
    assert trajectories[0] == pytest.approx(trajectories[1], rel=1e-3)


def test_layout_by_hand():
    """The picture in the module: patients of 3, 1 and 2 positions, the second and the third in one group."""
    layout = Layout.of(np.array([3, 1, 2]), [np.array([1, 2]), np.array([0])], CPU)
    assert layout.patient_of_position.tolist() == [0, 0, 0, 1, 2, 2]
    assert layout.index_in_patient.tolist() == [0, 1, 2, 0, 0, 1]
    assert layout.position_of_slot.tolist() == [3, 6, 4, 5, 0, 1, 2]
    assert layout.slot_of_position.tolist() == [4, 5, 6, 0, 2, 3]
    assert [(group.patients, group.longest) for group in layout.groups] == [(2, 2), (1, 3)]
    assert layout.groups[0].padding.flatten().tolist() == [0, -torch.inf, 0, 0] and layout.groups[1].padding is None
    in_slots = layout.to_slots(torch.arange(1.0, 7)[:, None])
    assert in_slots.flatten().tolist() == [4, 0, 5, 6, 1, 2, 3]
    assert layout.to_positions(in_slots).flatten().tolist() == [1, 2, 3, 4, 5, 6]


def test_prefixed_by_hand():
    """The picture of `Prefixed`: patients of 1, 1 and 2 tokens, a prompt each."""
    prefixed = Prefixed.of(np.array([1, 1, 2]), 1, [np.array([0, 1, 2])], CPU)
    assert prefixed.position_of_token.tolist() == [1, 3, 5, 6]
    assert prefixed.token_of_position.tolist() == [4, 0, 4, 1, 4, 2, 3]
    assert prefixed.row_of_position.tolist() == [0, 3, 1, 4, 2, 5, 6]
    assert prefixed.position_of_row.tolist() == [0, 2, 4, 1, 3, 5, 6]


lengths = st.lists(st.integers(1, 60), min_size=1, max_size=30).map(np.array)


@given(lengths, st.integers(0, 2))
def test_every_index_is_the_inverse_of_its_namesake(lengths: np.ndarray, prompts: int):
    prefixed = Prefixed.of(lengths, prompts, similar(lengths), CPU)
    layout, tokens, positions = prefixed.layout, int(lengths.sum()), int((lengths + prompts).sum())
    assert layout.position_of_slot[layout.slot_of_position].tolist() == list(range(positions))
    assert (layout.position_of_slot == positions).sum() == len(layout.position_of_slot) - positions
    assert sum(group.slots for group in layout.groups) == len(layout.position_of_slot)
    assert prefixed.token_of_position[prefixed.position_of_token].tolist() == list(range(tokens))
    assert (prefixed.token_of_position == tokens).sum() == prompts * len(lengths)
    assert prefixed.row_of_position[prefixed.position_of_row].tolist() == list(range(positions))


def test_prompts_come_first():
    prefixed = Prefixed.of(np.array([1, 2]), 2, [np.array([0, 1])], CPU)
    prompt = torch.tensor([[[1.0], [2.0]], [[3.0], [4.0]]], requires_grad=True)
    tokens = torch.tensor([[10.0], [20.0], [21.0]], requires_grad=True)
    joined = prefixed.joined(prompt, tokens)
    assert joined.flatten().tolist() == [1, 2, 10, 3, 4, 20, 21]
    assert prefixed.tokens(joined).flatten().tolist() == [10, 20, 21]
    (joined.flatten() @ torch.arange(7.0)).backward()
    assert prompt.grad.flatten().tolist() == [0, 1, 3, 4] and tokens.grad.flatten().tolist() == [2, 5, 6]
