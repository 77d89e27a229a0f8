"""Where a run takes place: device, number format, threads, and the facts a manifest keeps of them."""

import platform
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
import transformers

from ehrgen.learning.machine import processes
from ehrgen.learning.settings import Recipe


class MachineError(ValueError):
    """This machine lacks what the parameters ask for; the message says what and what to do."""


@dataclass(frozen=True)
class Machine:
    """A device and the precision of its matrix products."""

    device: torch.device
    bf16: bool

    def autocast(self) -> AbstractContextManager:
        """Matrix products in bf16 where this machine has it; parameters and sums stay fp32."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bf16)

    @property
    def attention(self) -> str:
        """The faster attention for histories of tens of tokens: plain products on a CPU, fused ones on a GPU."""
        return "eager" if self.device.type == "cpu" else "sdpa"

    def facts(self) -> dict[str, str | int]:
        """Versions and hardware, for the run manifest."""
        accelerator = self.device.type == "cuda"
        several = {"processes": processes.count()} if processes.count() > 1 else {}
        return {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "device": torch.cuda.get_device_name(self.device) if accelerator else platform.machine(),
            "precision": "bf16" if self.bf16 else "fp32",
            "threads": torch.get_num_threads(),
            **several,
        }


WIDE = 256
"""From this model width on, bf16 products repay their casts on a CPU; at 64 and 128 they cost 1.2 to 1.5 x more."""


def prepare_machine(device: str, precision: str, threads: int, width: int) -> Machine:
    """The machine for a run of a model `width` wide; sets the thread count, asks torch for repeatable algorithms.

    Of several processes each has a device of its own.

    Raises:
        MachineError: If `cuda` is asked for and absent.
        ProcessError: If there are fewer GPUs than processes.
    """
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Filling fresh memory is for finding bugs, and took a third of a training step here.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if device == "cuda" and not torch.cuda.is_available():
        raise MachineError("train.device: cuda is not available here; use auto or cpu")
    name = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
    own = processes.join(name)
    torch.set_num_threads(threads)
    return Machine(own, precision == "bf16" or (precision == "auto" and _gains_by_bf16(name, width)))


def machine_for(recipe: Recipe) -> Machine:
    """`prepare_machine` with what a recipe says."""
    train = recipe.train
    return prepare_machine(train.device, train.precision, train.threads, recipe.model.d_model)


def _gains_by_bf16(device: str, width: int) -> bool:
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return width >= WIDE and torch.cpu.get_capabilities().get("avx512_bf16", False)
