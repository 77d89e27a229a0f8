"""benchmarks/RESULTS.md from the JSON that the benchmarks left: nothing is computed here.

python -m benchmarks.summary
"""

import json
from pathlib import Path

from benchmarks.measure import RESULTS

TARGET = Path("benchmarks/RESULTS.md")
TITLES = {
    "training_default": "Training, default size",
    "training_large": "Training, d 256, 6 + 6 layers",
    "sampling": "Sampling",
    "counting": "Counting pairs at the size of MIMIC-III",
}
HEAD = """# Benchmarks

Written by `python -m benchmarks.summary` from `benchmarks/results/*.json`; how each is measured is said at the head of
its file. Contenders take turns in one process, rates are work a second of CPU time, a ratio is the median over rounds
of the ratio within a round, with its quartiles.
"""


def section(title: str, found: dict) -> str:
    """One benchmark as a table, with where it was measured."""
    where, rows = found["where"], []
    for name, row in found["of"].items():
        peak = f"{row['share_of_peak']:.0%}" if "share_of_peak" in row else ""
        rate = f"{row['rate']:,.0f} {found['unit']}"
        rows.append(f"| {name} | {rate} | {row['ratio']:.2f} ({row['low']:.2f} to {row['high']:.2f}) | {peak} |")
    peak = f"; peak {found['peak_flop_s'] / 1e9:.0f} GFLOP/s" if "peak_flop_s" in found else ""
    place = (
        f"{where['date']}, commit {where['commit']}, {where['processor']}, "
        f"{where['threads']} of {where['cores']} cores, torch {where['torch']}, "
        f"transformers {where['transformers']}, {found['rounds']} rounds{peak}"
    )
    table = ["| | rate | ratio | share of peak |", "|---|---:|---:|---:|", *rows]
    return "\n".join([f"## {title}", "", place, "", *table]) + "\n"


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
    TARGET.write_text(text(RESULTS), encoding="utf-8")
    print(f"wrote {TARGET}")
