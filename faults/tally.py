"""What became of each fault, and the table of them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SURVIVED, ONE_LINE, TRACEBACK, MUTE, BY_DVC, WRONG = OUTCOMES = (
    "survived",
    "one line",
    "traceback",
    "mute or hangs",
    "seen by DVC",
    "accepted though wrong",
)
"""The result is right; refused in one line; a defect; a failure without a word; a change that only a hash shows, and
that DVC was asked and told; and what must never be."""

FATAL = (TRACEBACK, MUTE, WRONG)


@dataclass(frozen=True)
class Fault:
    """One fault: of which group, what was done to what, how it ended, and what was said."""

    group: str
    what: str
    outcome: str
    said: str = ""


def table(faults: Iterable[Fault]) -> str:
    """Group by outcome, in the order in which groups began.

    Example:
        >>> print(table([Fault("killed", "a", SURVIVED), Fault("killed", "b", WRONG)]))
        | faults | number | survived | one line | traceback | mute or hangs | seen by DVC | accepted though wrong |
        |:--|--:|--:|--:|--:|--:|--:|--:|
        | killed | 2 | 1 | 0 | 0 | 0 | 0 | 1 |
        | all | 2 | 1 | 0 | 0 | 0 | 0 | 1 |
    """
    counts: dict[str, Counter[str]] = {}
    for fault in faults:
        counts.setdefault(fault.group, Counter())[fault.outcome] += 1
    counts["all"] = sum(counts.values(), Counter())
    head = ["faults", "number", *OUTCOMES]
    rows = [head, [":--", *["--:"] * (len(head) - 1)]]
    rows += [[name, str(of.total()), *(str(of[outcome]) for outcome in OUTCOMES)] for name, of in counts.items()]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "|".join(rows[1]) + "|", *lines[2:]])


def fatal(faults: Iterable[Fault]) -> Sequence[Fault]:
    """Those that fail the campaign."""
    return [fault for fault in faults if fault.outcome in FATAL]
