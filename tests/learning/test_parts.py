import numpy as np
import pytest
import torch
from torch.testing import assert_close

from ehrgen.learning.batches import Batch
from ehrgen.learning.machine import processes
from ehrgen.learning.model.output import Output
from ehrgen.learning.model.prompt_bart import PromptBart
from ehrgen.learning.objectives.table import build_objectives
from ehrgen.learning.training import parts
from ehrgen.learning.training.parts import divided, whole_output
from tests.support.sequences import tiny
from tests.support.training import CPU, batch_of, matrices, recipe, untrained


@pytest.mark.parametrize(
    ("lengths", "count", "expected"),
    [
        ([5, 5, 5, 5], 2, [(0, 2), (2, 4)]),
        ([5, 5, 5, 5], 1, [(0, 4)]),
        ([1, 1, 1, 1, 12], 2, [(0, 4), (4, 5)]),
        ([3, 4], 3, [(0, 1), (1, 1), (1, 2)]),
    ],
)
def test_divided_by_hand(lengths: list[int], count: int, expected: list[tuple[int, int]]):
    assert divided(np.array(lengths), count) == expected


def test_shares_are_all_patients_in_order_and_about_equal():
    lengths = np.random.default_rng(0).integers(1, 50, 200)
    bounds = divided(lengths, 4)
    assert [start for start, _ in bounds] == [0, *(stop for _, stop in bounds[:-1])] and bounds[-1][1] == 200
    for start, stop in bounds:
        assert lengths[start:stop].sum() == pytest.approx(lengths.sum() / 4, abs=50)


@pytest.fixture
def batch() -> Batch:
    return batch_of(tiny().of_split("train"), list(range(12)), "corrupted")


def test_a_part_is_the_batch_of_its_patients(batch: Batch):
    part, alone = batch.part(3, 7), batch_of(tiny().of_split("train"), [3, 4, 5, 6], "corrupted")
    for name in ("age", "sex", "bracket", "target", "patient", "reads_code", "opens_visit", "used_at", "used_symbol"):
        assert torch.equal(getattr(part, name), getattr(alone, name)), name
    assert torch.equal(part.inputs[part.real], alone.inputs[alone.real])
    assert torch.equal(part.encoder, batch.encoder[3:7])


def in_turn(model: PromptBart, batch: Batch, count: int, patch: pytest.MonkeyPatch) -> list[Output]:
    """The output that each of `count` processes gets, one after the other in this one."""
    messages: dict[int, torch.Tensor] = {}

    def output(number: int) -> Output:
        def gathered(own: torch.Tensor, lengths: list[int]) -> list[torch.Tensor]:
            messages[number] = own
            return [messages.get(other, own.new_zeros(length)) for other, length in enumerate(lengths)]

        for name, value in (("count", lambda: count), ("number", lambda: number), ("gathered", gathered)):
            patch.setattr(processes, name, value)
        return whole_output(model, batch, forbid_used=True)

    for number in range(count):
        output(number)
    return [output(number) for number in range(count)]  # now all have been told


@pytest.mark.parametrize(("patients", "count"), [(12, 2), (12, 3), (1, 3)])
def test_every_objective_has_its_value_in_each_process_and_its_gradient_in_their_sum(
    patients: int, count: int, batch: Batch, monkeypatch: pytest.MonkeyPatch
):
    model, batch = untrained(dropout=0), batch.part(0, patients)
    settings = recipe(age_matching=1, diversity=1).loss
    known = build_objectives(settings, tiny().of_split("train"), matrices(), CPU)
    parameters = list(model.parameters())
    whole = gradients(model(batch, forbid_used=True), batch, known, parameters)
    outs = in_turn(model, batch, count, monkeypatch)
    of_processes = [gradients(out, batch, known, parameters) for out in outs]
    for name in known:
        value, gradient = whole[name]
        assert gradient.norm() > 0
        for other, _ in (of_process[name] for of_process in of_processes):
            assert_close(other, value)
        total = sum(own for _, own in (of_process[name] for of_process in of_processes))
        assert (total - gradient).norm() < 1e-5 * gradient.norm(), name


@pytest.mark.parametrize(("patients", "parts"), [(12, 3), (2, 5)])
def test_parts_in_turn_give_the_same_output_and_gradients(patients: int, parts: int, batch: Batch):
    model, batch = untrained(dropout=0), batch.part(0, patients)
    known = build_objectives(recipe(age_matching=1, diversity=1).loss, tiny().of_split("train"), matrices(), CPU)
    parameters = list(model.parameters())
    whole = gradients(model(batch, forbid_used=True), batch, known, parameters)
    in_turn = gradients(whole_output(model, batch, True, parts), batch, known, parameters)
    for name, (value, gradient) in whole.items():
        assert_close(in_turn[name][0], value)
        assert gradient.norm() > 0
        assert (in_turn[name][1] - gradient).norm() < 1e-5 * gradient.norm(), name


def test_states_computed_anew_drop_what_they_dropped_before(batch: Batch, monkeypatch: pytest.MonkeyPatch):
    model = untrained(dropout=0.5).train()
    parameters = list(model.parameters())

    def gradient() -> torch.Tensor:
        torch.manual_seed(0)
        out = whole_output(model, batch, True, parts=3)
        torch.rand(5)  # another use of the generator in between
        flat = torch.autograd.grad(-out.target_log_prob.sum(), parameters, allow_unused=True)
        return torch.cat([part.flatten() for part in flat if part is not None])

    anew = gradient()
    monkeypatch.setattr(parts, "checkpoint", lambda run, part, use_reentrant, **how: run(part, **how))
    assert torch.equal(anew, gradient())


def test_parts_hold_the_outputs_and_not_the_states(batch: Batch):
    model = untrained(dropout=0).train()

    def held(parts: int) -> int:
        """Bytes that the graph keeps for its gradient."""
        kept = {}

        def keep(tensor: torch.Tensor) -> torch.Tensor:
            kept[tensor.data_ptr()] = tensor.nbytes
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            whole_output(model, batch, True, parts)
        return sum(kept.values())

    assert held(4) < held(1) / 10


def gradients(out: Output, batch: Batch, known: dict, parameters: list) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Value and flat gradient of every objective."""
    of_objectives = {}
    for name, objective in known.items():
        value = objective(out, batch)
        parts = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True)
        flat = [(p.new_zeros(p.shape) if g is None else g).flatten() for p, g in zip(parameters, parts, strict=True)]
        of_objectives[name] = value.detach(), torch.cat(flat)
    return of_objectives
