"""The processes of a run: who we are, and what they tell each other. Alone, every question has its answer at once.

Processes are started by `launcher`, `torchrun` or `accelerate launch`, which say in the environment how many there are.
All of them run the same program on the same plan; process 0 alone writes. Every function here that tells or asks others
has to be called by all of them, in the same order.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import wraps
from typing import ParamSpec, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, distributed, nn
from torch.nn.functional import pad

PATIENCE = timedelta(days=7)
"""Process 0 may wait long for another training of the same key; a process that dies is noticed by the launcher."""

P = ParamSpec("P")
R = TypeVar("R")


class ProcessError(ValueError):
    """Processes that cannot begin together; the message says why and what to do."""


class LostProcessError(ProcessError):
    """Another process has ended before its time; what it said is the reason."""


def join(device: str) -> torch.device:
    """This process's own device of the kind `device` (cpu or cuda), once all processes of the run have come together.

    Raises:
        ProcessError: If several processes were asked for and one was started, or there are fewer GPUs than processes.
    """
    environment = os.environ
    if "LOCAL_WORLD_SIZE" not in environment or environment["WORLD_SIZE"] == "1":
        if "ACCELERATE_MIXED_PRECISION" in environment and "MASTER_ADDR" in environment:
            raise ProcessError(
                "`accelerate launch --cpu` starts one process, whatever --num_processes says; use --multi_gpu instead "
                "of --cpu, without a GPU too, or EHRGEN_PROCESSES (docs/scaling.md)"
            )
        return torch.device(device)
    here = int(environment["LOCAL_WORLD_SIZE"])
    if device == "cuda" and here > torch.cuda.device_count():
        raise ProcessError(
            f"{here} processes for {torch.cuda.device_count()} GPUs here; start one a GPU, or set train.device to cpu"
        )
    from accelerate import PartialState  # a second to import, and most runs are one process

    state = PartialState(cpu=device == "cpu", timeout=PATIENCE)
    return state.device if device == "cuda" else torch.device(device)


def leave() -> None:
    """Wait until all have come this far, and part."""
    if count() > 1:
        _together(distributed.barrier)()
        distributed.destroy_process_group()


def count() -> int:
    """How many processes there are, at least 1."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def number() -> int:
    """Which of them this is, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def first() -> bool:
    """Whether this is process 0, who alone writes files and speaks."""
    return number() == 0


def _together(call: Callable[P, R]) -> Callable[P, R]:
    """`call`, whose failure means that another process is gone."""

    @wraps(call)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return call(*args, **kwargs)
        except RuntimeError as error:
            raise LostProcessError(f"process {number()} of {count()} lost another one: {error}") from error

    return guarded


@_together
def summed(values: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """The sum over processes, the same to the last bit for each of them."""
    if count() == 1:
        return values
    from accelerate.utils import reduce

    return reduce(values, "sum")


@_together
def gathered(own: Tensor, lengths: Sequence[int]) -> list[Tensor]:
    """The flat tensor of every process, which have these lengths."""
    if count() == 1:
        return [own]
    from accelerate.utils import gather

    everyone = gather(pad(own, (0, max(lengths) - len(own)))).view(count(), -1)
    return [values[:length] for values, length in zip(everyone, lengths, strict=True)]


def of_each(own: int, device: torch.device) -> list[int]:
    """A number of every process."""
    if count() == 1:
        return [own]
    return torch.cat(gathered(torch.tensor([own], device=device), [1] * count())).tolist()


@_together
def agreed(values: Mapping[str, float], device: torch.device) -> dict[str, float]:
    """The values as process 0 has them, so that what is decided by them is decided alike."""
    if count() == 1:
        return dict(values)
    from accelerate.utils import broadcast

    of_first = broadcast(torch.tensor(list(values.values()), dtype=torch.float64, device=device))
    return dict(zip(values, of_first.tolist(), strict=True))


def sum_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Give every parameter the sum of its gradients over processes; none, if no process has one."""
    if count() == 1:
        return
    parameters = list(parameters)
    own = [p.grad for p in parameters]
    flat = [p.new_zeros(p.numel()) if g is None else g.flatten() for p, g in zip(parameters, own, strict=True)]
    reached = parameters[0].new_tensor([g is not None for g in own])
    *totals, reached = summed(torch.cat([*flat, reached])).split([*map(len, flat), len(own)])
    for parameter, total, times in zip(parameters, totals, reached.tolist(), strict=True):
        parameter.grad = total.view_as(parameter) if times else None
