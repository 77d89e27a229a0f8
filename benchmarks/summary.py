"""benchmarks/RESULTS.md from the JSON that the benchmarks left: nothing is computed here.

python -m benchmarks.summary
"""

import json
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import RESULTS

TARGET = Path("benchmarks/RESULTS.md")
TITLES = {
    "whole_run": "Where the time of the default run goes, 7 variants and 3 seeds from patients to reports",
    "training_default": "Training, default size",
    "training_large": "Training, d 256, 6 + 6 layers",
    "compiled": "Training, default size, with torch.compile",
    "sampling": "Sampling",
    "full_training": "Training at full size: BART-base, MIMIC-III's number of patients",
    "full_sampling": "Sampling at full size",
    "breakdown_training_default": "Where the time of training goes, default size",
    "breakdown_training_large": "Where the time of training goes, d 256, 6 + 6 layers",
    "breakdown_sampling": "Where the time of sampling goes",
    "steps_objectives": "A step with each objective: 4,096 tokens, 7,000 codes",
    "steps_objectives_cuda": "The same on a GPU",
    "steps_schemes": "A step with each weighting scheme, and attribution: default settings",
    "preparation": "From tables to sequences and pairs, at the size of MIMIC-III",
    "counting": "Counting pairs at the size of MIMIC-III",
    "evaluation": "All metrics of one synthetic cohort",
    "growth": "How time and memory grow with the number of patients",
    "pipeline": "DVC around the stages, tiny project",
}
HEAD = """# Benchmarks

Written by `python -m benchmarks.summary` from `benchmarks/results/*.json`; how each is measured is said at the head of
its file. Where contenders are compared they take turns in one process; rates and seconds of a step are of CPU time,
ratios and added costs the median over rounds of those within a round, with quartiles. Where a row is a command, it runs
in a process of its own: seconds from start to end are the median over rounds with the least and the most, peak memory
is the largest of any round (1 GB = 1e9 bytes). Goals that were missed: [SHORTFALLS.md](SHORTFALLS.md).
"""
Row = dict[str, float]


def _rate(row: Row, unit: str) -> str:
    return f"{row['rate']:,.0f} {unit}"


def _ratio(row: Row, unit: str) -> str:
    return f"{row['ratio']:.2f} ({row['low']:.2f} to {row['high']:.2f})"


def _seconds(row: Row, unit: str) -> str:
    spread = f" ({row['least']:.2f} to {row['most']:.2f})" if "least" in row else ""
    return f"{row['seconds']:,.2f}{spread}"


def _cost(row: Row, unit: str) -> str:
    return f"{row['cost']:+.1%} ({row['low']:+.1%} to {row['high']:+.1%})"


COLUMNS: dict[str, tuple[str, Callable[[Row, str], str]]] = {
    "rate": ("rate", _rate),
    "seconds": ("seconds", _seconds),
    "cpu": ("CPU seconds", lambda row, unit: f"{row['cpu']:,.2f}"),
    "share": ("share", lambda row, unit: f"{row['share']:.1%}"),
    "peak": ("peak memory", lambda row, unit: f"{row['peak']:.2f} GB"),
    "exponent": ("exponent of growth", lambda row, unit: f"{row['exponent']:.2f}"),
    "foreseen": ("not run, foreseen", lambda row, unit: f"{row['foreseen']:,.0f} s"),
    "ratio": ("ratio", _ratio),
    "share_of_peak": ("share of peak", lambda row, unit: f"{row['share_of_peak']:.0%}"),
    "first": ("first epoch", lambda row, unit: f"{row['first']:,.0f} s"),
    "minutes": ("30 epochs", lambda row, unit: f"{row['minutes']:.1f} min"),
    "codes": ("codes a patient", lambda row, unit: f"{row['codes']:.1f}"),
    "pace": ("ms a step", lambda row, unit: f"{1000 * row['pace']:,.0f}"),
    "cost": ("added", _cost),
}
"""Heading and text of each value that a row may have; a table has the columns of which a row has a value."""


def section(title: str, found: dict) -> str:
    """One benchmark as a table, with where it was measured and which goals it meets."""
    table = (
        _parts(found["parts"], found["per"]) if "parts" in found else _contenders(found["of"], found.get("unit", ""))
    )
    goals = [_goal(**one) for one in found.get("goals", [])]
    drawing = ["", f"![{title}]({found['figure']})"] if "figure" in found else []
    return "\n".join([f"## {title}", "", _place(found), "", *table, *drawing, *([""] if goals else []), *goals]) + "\n"


def _place(found: dict) -> str:
    where = found["where"]
    peak = f"; peak {found['peak_flop_s'] / 1e9:.0f} GFLOP/s" if "peak_flop_s" in found else ""
    device = f"{found['device']}, " if "device" in found else ""
    return (
        f"{device}{where['date']}, commit {where['commit']}, {where['processor']}, "
        f"{where['threads']} of {where['cores']} cores, torch {where['torch']}, "
        f"transformers {where['transformers']}, {found['rounds']} round{'s' * (found['rounds'] > 1)}{peak}"
    )


def _contenders(rows: dict[str, Row], unit: str) -> list[str]:
    columns = [key for key in COLUMNS if any(key in row for row in rows.values())]
    table = [f"| | {' | '.join(COLUMNS[key][0] for key in columns)} |", f"|---|{'---:|' * len(columns)}"]
    for name, row in rows.items():
        cells = [COLUMNS[key][1](row, unit) if key in row else "" for key in columns]
        table.append(f"| {name} | {' | '.join(cells)} |")
    return table


def _parts(parts: dict[str, Row], per: str) -> list[str]:
    """A profile: a row a kind of operation, a column a contender."""
    names = list(parts["all"])
    rows = [f"| {part} | {' | '.join(f'{row[name]:,.1f}' for name in names)} |" for part, row in parts.items()]
    return [f"| {per} | {' | '.join(names)} |", f"|---|{'---:|' * len(names)}", *rows]


def _goal(what: str, found: float, unit: str, below: float | None = None, least: float | None = None) -> str:
    met = found < below if below is not None else found >= least
    limit = f"below {below:g}" if below is not None else f"at least {least:g}"
    return f"- Goal {'met' if met else 'missed'}: {what} {limit} {unit}; {found:.3g} {unit} measured."


def text(folder: Path) -> str:
    """The whole file.

    Raises:
        FileNotFoundError: If no benchmark has left anything.
    """
    known = {name: folder / f"{name}.json" for name in TITLES}
    there = {name: json.loads(path.read_text(encoding="utf-8")) for name, path in known.items() if path.exists()}
    if not there:
        raise FileNotFoundError(f"{folder}: none of {', '.join(known)}; run `make bench`")
    return "\n".join([HEAD, *(section(TITLES[name], found) for name, found in there.items())])


if __name__ == "__main__":
    found = text(RESULTS)
    TARGET.write_text(found, encoding="utf-8")
    print(found)
    print(f"wrote {TARGET}")
