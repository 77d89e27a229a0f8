"""How far a long computation is, on stderr: what was done, in how many seconds, and how long the rest may take."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Progress:
    """Steps of known relative cost.

    Args:
        steps: Name -> cost of every step, in the order in which they are taken; any unit.
        expected: Seconds that all may take, as guessed beforehand.
    """

    def __init__(self, steps: dict[str, float], expected: float) -> None:
        self.left, self.total = dict(steps), len(steps)
        self.seconds, self.cost = 0.0, 0.0
        print(f"{self.total} steps, about {spoken(expected)} on one core of a usual machine", file=sys.stderr)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Take one step, which must be among those announced."""
        started = time.monotonic()
        yield
        self.seconds += time.monotonic() - started
        self.cost += self.left.pop(name)
        rest = self.seconds / self.cost * sum(self.left.values())
        number, ahead = self.total - len(self.left), f", about {spoken(rest)} left" if self.left else ""
        print(f"[{number}/{self.total}] {name}: {spoken(time.monotonic() - started)}{ahead}", file=sys.stderr)


def spoken(seconds: float) -> str:
    """A duration as people say it.

    Example:
        >>> spoken(0.2), spoken(59), spoken(150), spoken(7300)
        ('1 s', '59 s', '2.5 min', '2.0 h')
    """
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
