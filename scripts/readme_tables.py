"""The result tables and sentences of README.md and docs, written from the reports they show.

    python -m scripts.readme_tables

A table stands between `<!-- table: PATH -->` and `<!-- end -->`. PATH is the ablation.json of a run or of a study, for
its results, or its findings.json, or several, for how many claims have which verdict there.
`<!-- table: PATH only: NAME ... -->` has these rows in this order. Between `<!-- summary: PATH -->` and `<!-- end -->`
stands the answer of the ablation.json, as its report gives it. Between `<!-- losses: PATH -->` and `<!-- end -->`
stands how its losses weigh and pull.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any

from ehrgen.core.files import write_text
from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.findings.statistics.results import FLOOR
from ehrgen.findings.text.findings_md import tested
from ehrgen.findings.text.summary import markdown
from ehrgen.findings.text.tables import NOTHING, bracketed, cell, table
from ehrgen.findings.verdicts.claims import REFUTED, SUPPORTED, UNDECIDED
from ehrgen.metrics.table.suite import VACUOUS

ROOT = Path(__file__).resolve().parents[1]
MARKED = re.compile(
    r"(?P<start><!-- (?P<kind>table|summary|losses): (?P<paths>[\w./ -]+?)(?: only: (?P<only>[\w ]+))? -->\n)"
    r".*?(?P<end><!-- end -->)",
    re.DOTALL,
)
UNTESTED = "not tested"
VERDICTS = (SUPPORTED, REFUTED, UNDECIDED, UNTESTED)
COLUMNS = ("unigram_r2", "pair_r2", "coverage", "codes_per_visit", "c2st_auc", "sex_violations")


def main() -> None:
    for page in pages():
        write_text(filled(page.read_text(encoding="utf-8"), ROOT, page.parent), page)


def pages() -> list[Path]:
    """README.md and the documents."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def filled(text: str, root: Path, folder: Path) -> str:
    """`text` with every marked table and summary written anew from its report.

    Args:
        root: The folder that paths to reports start from.
        folder: The folder of the page, for its links.
    """

    def anew(marked: re.Match[str]) -> str:
        reports = {path: json.loads((root / path).read_text(encoding="utf-8")) for path in marked["paths"].split()}
        if marked["kind"] == "summary":
            written = "".join(f"{markdown(content['summary'])}\n" for content in reports.values())
        elif marked["kind"] == "losses":
            written = "".join(map(losses, reports.values()))
        elif all("claims" in content for content in reports.values()):
            written = verdicts(reports, Path(os.path.relpath(root, folder)))
        else:
            written = results(*reports.values(), (marked["only"] or "").split())
        return f"{marked['start']}{written}{marked['end']}"

    return MARKED.sub(anew, text)


def losses(content: dict[str, Any]) -> str:
    """A row a loss: of its last epoch, lowest and highest mean of a variant that has a gradient for it."""
    columns = {
        "grad_norm": "norm of the gradient",
        "grad_share": "share of the gradient",
        "share": "share of the value",
    }
    seen: dict[str, dict[str, list[float]]] = {}
    for of_variant in content["objectives"].values():
        for name, values in of_variant.items():
            if values.get("weight") and values.get("grad_norm"):
                for column in columns:
                    seen.setdefault(name, {}).setdefault(column, []).append(values[column])
    rows = [
        [name, *(" to ".join(f"{end:.2g}" for end in dict.fromkeys((min(ends), max(ends)))) for ends in row.values())]
        for name, row in seen.items()
    ]
    return table(["loss with a gradient", *columns.values()], rows) + "\n"


def results(content: dict[str, Any], only: Sequence[str] = ()) -> str:
    """Variants with the reference first, then anchors with the floor first, by those of COLUMNS that the run has.

    Args:
        only: The rows and their order; empty for all.
    """
    metrics = [name for name in COLUMNS if any(name in row for row in content["anchors"].values())]
    rows = {
        variant: [variant, *(_shown(name, row, content["vacuous"].get(variant, ())) for name in metrics)]
        for variant, row in sorted(content["variants"].items(), key=lambda item: item[0] != content["reference"])
    }
    for anchor in sorted(content["anchors"], key=lambda name: name != FLOOR):
        row = {name: {"mean": value, "seeds": 1} for name, value in content["anchors"][anchor].items()}
        shown = {name: _shown(name, row, ()) for name in metrics}
        for name in row.keys() & content["resolution"].keys() & shown.keys() if anchor == FLOOR else ():
            shown[name] = bracketed(row[name]["mean"], content["resolution"][name])
        rows[anchor] = [f"*{anchor}*", *shown.values()]
    return table(["", *metrics], [rows[name] for name in only or rows]) + "\n"


def verdicts(findings: dict[str, dict[str, Any]], way: Path) -> str:
    """How many claims have each verdict, a row a findings.json, named by the folder it is in.

    Args:
        way: From the page to the folder that paths start from.
    """
    rows = []
    for path, content in findings.items():
        folder = Path(path).parent
        counts = Counter(claim["verdict"] if tested(claim) else UNTESTED for claim in content["claims"])
        link = f"[{folder.name}]({(way / folder / 'findings.md').as_posix()})"
        rows.append([link, *(str(counts[verdict]) for verdict in VERDICTS)])
    return table(["claims", *VERDICTS], rows) + "\n"


def _shown(metric: str, row: dict[str, dict[str, float]], vacuous: Container[str]) -> str:
    if metric not in row:
        return VACUOUS if metric in vacuous else NOTHING
    value = row[metric]
    return cell(Estimate(value["mean"], value.get("half_width"), int(value["seeds"])))


if __name__ == "__main__":
    main()
