"""The sentences of the loss analysis over all committed runs -> docs/claims.md.

    python -m scripts.claims

Reads reports/findings.json and studies/*/findings.json; a study's cohort is what its params.yaml says.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ehrgen.core.files import read_json, write_text
from ehrgen.core.params import load_yaml
from ehrgen.findings.text.claims_md import page
from ehrgen.findings.verdicts.loss_analysis import ANALYSIS
from ehrgen.findings.verdicts.pooled import Pooled, pooled

ROOT = Path(__file__).resolve().parents[1]
PAGE = Path("docs/claims.md")


def main() -> None:
    write_text(page(judged(ROOT)), ROOT / PAGE)
    print(f"wrote {PAGE}")


def judged(root: Path) -> list[Pooled]:
    """Every sentence over the runs committed under `root`."""
    base = load_yaml(root / "params.yaml")["cohort"]["source"]
    files, cohort_of = {"default": root / "reports/findings.json"}, {"default": base}
    for path in sorted(root.glob("studies/*/findings.json")):
        name = path.parent.name
        files[name] = path
        cohort_of[name] = load_yaml(path.parent / "params.yaml").get("cohort", {}).get("source", base)
    written = {run: read_json(path, "commit the run's reports again")["claims"] for run, path in files.items()}
    found = []
    for claim in ANALYSIS:
        of_runs = {run: _entry(entries, claim.quote, str(claim.measure)) for run, entries in written.items()}
        found.append(pooled(claim, {run: entry for run, entry in of_runs.items() if entry}, cohort_of))
    return found


def _entry(entries: list[dict[str, Any]], quote: str, measure: str) -> Mapping[str, Any]:
    """What a run says of a claim; empty if it was judged before the claim was made."""
    return next((one for one in entries if one["quote"] == quote and one["measure"] == measure), {})


if __name__ == "__main__":
    main()
