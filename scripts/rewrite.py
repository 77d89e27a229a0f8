"""The texts of every committed run anew from its JSON, so that a better sentence needs no training.

    python -m scripts.rewrite

Rewrites ablation.md and findings.md beside each ablation.json of reports/ and studies/, and the answer in the JSON.
"""

from pathlib import Path
from typing import Any

from ehrgen.core.files import read_json, write_json, write_text
from ehrgen.findings.text.committed import ablation_report, answered, findings_report, read_verdicts

ROOT = Path(__file__).resolve().parents[1]
REMEDY = "take it from the last commit"


def main() -> None:
    for folder in folders(ROOT):
        measured, texts = rewritten(folder)
        write_json(measured, folder / "ablation.json")
        for name, text in texts.items():
            write_text(text, folder / name)
        print(f"wrote {folder.relative_to(ROOT)}: {', '.join(texts)}")


def folders(root: Path) -> list[Path]:
    """Where a run was committed."""
    return [path.parent for path in (root / "reports/ablation.json", *sorted(root.glob("studies/*/ablation.json")))]


def rewritten(folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """ablation.json with its answer anew, and file name -> text, from the JSON of one run."""
    findings = read_json(folder / "findings.json", REMEDY)
    verdicts = read_verdicts(findings)
    measured = answered(read_json(folder / "ablation.json", REMEDY), verdicts)
    texts = {"ablation.md": ablation_report(measured, verdicts), "findings.md": findings_report(findings)}
    return measured, texts


if __name__ == "__main__":
    main()
