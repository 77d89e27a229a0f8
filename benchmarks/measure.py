"""What all benchmarks share: contenders that take turns in one process, the peak of the machine, goals, a JSON file."""

import os
import platform
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles

import torch
import transformers

from ehrgen.core.files import write_json

Contender = Callable[[int], float]
"""Does some of the work, a different piece each round; returns how much, in the unit of the benchmark."""

WARM_UP = 2
RESULTS = Path("benchmarks/results")


def in_turn(
    contenders: dict[str, Contender], rounds: int, clock: Callable[[], float] = time.process_time
) -> dict[str, list[float]]:
    """Rate of each contender in each round, work a second of CPU time.

    All take their turn in every round, and CPU time is that of this process: other work on the machine weighs little
    on a rate and less on the ratio of two rates of one round.

    Args:
        clock: Seconds; another than CPU time where the work is not done by a processor.
    """
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(WARM_UP + rounds):
        for name, contender in contenders.items():
            start = clock()
            work = contender(number)
            spent = clock() - start
            if number >= WARM_UP:
                rates[name].append(work / spent)
    return rates


def against(rates: dict[str, list[float]], base: str) -> dict[str, dict[str, float]]:
    """Of each contender its median rate, and the ratio to the rate of `base` in the same round: quartiles.

    Example:
        >>> against({"plain": [1.0, 2.0, 4.0], "ours": [3.0, 6.0, 12.0]}, "plain")["ours"]
        {'rate': 6.0, 'ratio': 3.0, 'low': 3.0, 'high': 3.0}
    """
    table = {}
    for name, own in rates.items():
        ratios = [one / other for one, other in zip(own, rates[base], strict=True)]
        low, middle, high = quantiles(ratios, n=4)
        table[name] = {"rate": median(own), "ratio": middle, "low": low, "high": high}
    return table


def added(rates: dict[str, list[float]], base: str) -> dict[str, dict[str, float]]:
    """Of each contender its median seconds for a unit of work, and its added cost: share of what `base` takes.

    The cost is that over `base` in the same round, in quartiles.

    Example:
        >>> added({"plain": [1.0, 2.0, 4.0], "more": [0.8, 1.6, 3.2]}, "plain")["more"]
        {'pace': 0.625, 'cost': 0.25, 'low': 0.25, 'high': 0.25}
    """
    table = {}
    for name, own in rates.items():
        costs = [other / one - 1 for one, other in zip(own, rates[base], strict=True)]
        low, middle, high = quantiles(costs, n=4)
        table[name] = {"pace": 1 / median(own), "cost": middle, "low": low, "high": high}
    return table


def goal(what: str, found: float, below: float, unit: str) -> dict[str, str | float]:
    """A goal as `summary` states it: what was found, and below what it should be."""
    return {"what": what, "found": found, "below": below, "unit": unit}


def goal_at_least(what: str, found: float, least: float, unit: str) -> dict[str, str | float]:
    """The same of what should be `least` or more."""
    return {"what": what, "found": found, "least": least, "unit": unit}


def quiet() -> dict[str, str]:
    """The environment of a measured command: one thread."""
    return os.environ | {"OMP_NUM_THREADS": "1"}


def multiply(size: int = 1024, **how: object) -> Contender:
    """A product of two square matrices; its rate is the peak that a model can be held to, in FLOP/s.

    Args:
        how: Device and dtype of the matrices; by default fp32 on the CPU.
    """
    left, right = (torch.randn(size, size, **how) for _ in range(2))

    def product(_: int) -> float:
        torch.mm(left, right)
        return 2.0 * size**3

    return product


def save(name: str, content: dict[str, object], threads: int | None = None) -> None:
    """Write benchmarks/results/NAME.json, with where and when it was measured.

    Args:
        threads: Of the processes that were measured, if it was not this one.
    """
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    where = {
        "commit": commit.stdout.strip(),
        "date": datetime.now(UTC).date().isoformat(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads() if threads is None else threads,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    path = RESULTS / f"{name}.json"
    write_json({"where": where, **content}, path, indent=1)
    print(f"wrote {path}")


def _processor() -> str:
    """The name the system gives the processor; its architecture where it gives none."""
    known = Path("/proc/cpuinfo")
    lines = known.read_text(encoding="utf-8").splitlines() if known.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
