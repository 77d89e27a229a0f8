"""Where the time of training and sampling goes, ours and what one would otherwise write: shares by kind of operation.

    python -m benchmarks.breakdown training_default|training_large|sampling

The contenders of `training` and `sampling`, each profiled over the same work: CPU time of every operator without what
it calls, put into the first of KINDS whose pattern its name matches. What no operator accounts for is the interpreter.
Shares are of a profiled run; seconds are those shares of an unprofiled one, as profiling slows small operators most.
"""

import argparse
import re
import time
from collections.abc import Iterable

from torch.autograd.profiler_util import EventList
from torch.profiler import ProfilerActivity, profile

from benchmarks import measure, sampling, training

KINDS = {
    "matrix products": r"mm$|bmm$|baddbmm$|linear|mkl|onednn",
    "attention": r"scaled_dot_product|flash_attention",
    "softmax over codes": r"softmax|logsumexp|nll_loss|cross_entropy|exp$",
    "dropout and chance": r"dropout|bernoulli|random|multinomial|exponential|uniform",
    "norms and activations": r"layer_norm|gelu|tanh|sigmoid",
    "optimizer": r"foreach|adam|Optimizer|linalg_vector_norm",
    "gathering, scattering, copies": r"index|gather|scatter|embedding|copy_|cat$|clone|sort|cumsum|nonzero",
    "other arithmetic and memory": r"aten::",
}
INTERPRETER = "interpreter and autograd"


def kind(operator: str) -> str:
    """The first of KINDS that an operator's name matches; what is no operator belongs to the interpreter.

    Example:
        >>> kind("aten::addmm"), kind("aten::mul"), kind("autograd::engine::evaluate_function: AddmmBackward0")
        ('matrix products', 'other arithmetic and memory', 'interpreter and autograd')
    """
    if not operator.startswith("aten::") and "Optimizer" not in operator:
        return INTERPRETER
    return next(name for name, pattern in KINDS.items() if re.search(pattern, operator))


def shares(events: EventList, seconds: float) -> dict[str, float]:
    """Share of a profiled run of `seconds` that each kind took itself."""
    spent = dict.fromkeys([*KINDS, INTERPRETER], 0.0)
    for event in events:
        spent[kind(event.key)] += event.self_cpu_time_total / 1e6
    spent[INTERPRETER] += max(0.0, seconds - sum(spent.values()))
    return {name: own / sum(spent.values()) for name, own in spent.items()}


def measured(contender: measure.Contender, rounds: Iterable[int]) -> tuple[float, dict[str, float]]:
    """CPU seconds for a unit of work without the profiler, and the shares of each kind under it."""
    rounds = list(rounds)
    contender(-1)
    start = time.process_time()
    work = sum(contender(number) for number in rounds)
    pace = (time.process_time() - start) / work
    with profile(activities=[ProfilerActivity.CPU], acc_events=True) as found:
        start = time.perf_counter()
        for number in rounds:
            contender(number)
        seconds = time.perf_counter() - start
    return pace, shares(found.key_averages(), seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["training_default", "training_large", "sampling"])
    parser.add_argument("--rounds", type=int, default=6)
    asked = parser.parse_args()
    program, _, size = asked.what.partition("_")
    if program == "training":
        contenders, unit = training.contenders(size), 1000
    else:
        contenders, unit = sampling.contenders(), 100
    table: dict[str, dict[str, float]] = {}
    for name, contender in contenders.items():
        pace, parts = measured(contender, range(asked.rounds))
        for part, share in {"all": 1.0, **parts}.items():
            table.setdefault(part, {})[name] = 1000 * unit * pace * share
    per = f"ms for {unit:,} {'tokens' if program == 'training' else 'patients'}"
    for part, row in table.items():
        print(f"{part:32}", *(f"{value:10.1f}" for value in row.values()))
    measure.save(f"breakdown_{asked.what}", {"rounds": asked.rounds, "per": per, "parts": table})


if __name__ == "__main__":
    main()
