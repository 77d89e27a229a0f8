"""The result tables of README.md, written from the reports they show.

    python -m scripts.readme_tables

A table stands between `<!-- table: PATH -->` and `<!-- end -->`; PATH is the ablation.json of a run or of a study.
"""

import json
import re
from collections.abc import Container
from pathlib import Path
from typing import Any

from ehrgen.files import replacing
from ehrgen.findings.comparison import FLOOR
from ehrgen.findings.intervals import Estimate
from ehrgen.findings.markdown import NOTHING, bracketed, cell, table
from ehrgen.metrics.suite import VACUOUS

ROOT = Path(__file__).resolve().parents[1]
MARKED = re.compile(r"(<!-- table: (?P<path>[\w./-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
COLUMNS = ("unigram_r2", "pair_r2", "coverage", "codes_per_visit", "c2st_auc", "sex_violations")


def main() -> None:
    readme = ROOT / "README.md"
    text = filled(readme.read_text(encoding="utf-8"), ROOT)
    with replacing(readme) as temporary:
        temporary.write_text(text, encoding="utf-8")


def filled(text: str, root: Path) -> str:
    """`text` with every marked table written anew from its report."""

    def table_of(found: re.Match[str]) -> str:
        content = json.loads((root / found["path"]).read_text(encoding="utf-8"))
        return f"{found[1]}{results(content)}{found[3]}"

    return MARKED.sub(table_of, text)


def results(content: dict[str, Any]) -> str:
    """Variants with the reference first, then anchors with the floor first, by those of COLUMNS that the run has."""
    metrics = [name for name in COLUMNS if any(name in row for row in content["anchors"].values())]
    rows = [
        [variant, *(_shown(name, row, content["vacuous"].get(variant, ())) for name in metrics)]
        for variant, row in sorted(content["variants"].items(), key=lambda item: item[0] != content["reference"])
    ]
    for anchor in sorted(content["anchors"], key=lambda name: name != FLOOR):
        row = {name: {"mean": value, "seeds": 1} for name, value in content["anchors"][anchor].items()}
        shown = {name: _shown(name, row, ()) for name in metrics}
        for name in row.keys() & content["margins"].keys() & shown.keys() if anchor == FLOOR else ():
            shown[name] = bracketed(row[name]["mean"], content["margins"][name])
        rows.append([f"*{anchor}*", *shown.values()])
    return table(["", *metrics], rows) + "\n"


def _shown(metric: str, row: dict[str, dict[str, float]], vacuous: Container[str]) -> str:
    if metric not in row:
        return VACUOUS if metric in vacuous else NOTHING
    found = row[metric]
    return cell(Estimate(found["mean"], found.get("half_width"), int(found["seeds"])))


if __name__ == "__main__":
    main()
