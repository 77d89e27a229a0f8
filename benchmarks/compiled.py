"""What torch.compile would make of training at the default size: seconds of the first epoch, and the rate after it.

    python -m benchmarks.compiled [--rounds 15]

Language model alone, as we train it, and the same with the model's forward pass compiled, or with the distribution over
codes alone. Shapes are dynamic: packed steps have as many positions as their patients. Nothing compiled before is
reused. A round is EACH steps.
"""

import argparse
import time
from collections.abc import Callable

import torch
import torch._dynamo
import torch._functorch.config
import torch.compiler.config
from torch import nn

from benchmarks import measure
from benchmarks.training import LM_ONLY, OURS, Ours, learner, patients

EACH = 20
PARTS: dict[str, tuple[Callable[[nn.Module], nn.Module], str]] = {
    f"{OURS}, distribution compiled": (lambda model: model.distribution, "target"),
    f"{OURS}, model compiled": (lambda model: model, "forward"),
}


def compiled(own: Ours, part: Callable[[nn.Module], nn.Module], method: str) -> Ours:
    """The same learner with that method of that part of its model compiled."""
    owner = part(own.learner.model)
    setattr(owner, method, torch.compile(getattr(owner, method), dynamic=True))
    return own


def first_epoch(own: Ours) -> float:
    """Seconds from start to end, compilation included."""
    start = time.perf_counter()
    for number in range(len(own.steps)):
        own(number)
    return time.perf_counter() - start


def several(own: Ours) -> measure.Contender:
    """EACH steps as one piece of work."""
    return lambda number: sum(own(number) for _ in range(EACH))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    torch._dynamo.config.cache_size_limit = 64
    torch.compiler.config.force_disable_caches = True
    # steps that measure gradients go through the graph once an objective
    torch._functorch.config.donated_buffer = False
    sequences = patients()
    own = {OURS: Ours(learner(sequences, {}, LM_ONLY))}
    own |= {name: compiled(Ours(learner(sequences, {}, LM_ONLY)), *what) for name, what in PARTS.items()}
    first = {name: first_epoch(one) for name, one in own.items()}
    table = measure.against(measure.in_turn({name: several(one) for name, one in own.items()}, rounds), OURS)
    for name, row in table.items():
        row["first"] = first[name]
        print(f"{name:48} {row['rate']:8.0f} tokens/s, {row['ratio']:.2f} x, first epoch {row['first']:.0f} s")
    measure.save("compiled", {"unit": "tokens/s", "rounds": rounds, "of": table})


if __name__ == "__main__":
    main()
