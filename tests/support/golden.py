"""Whole reports beside the tests that make them: how a report reads is looked at in one file, not asserted in parts.

After a change that was meant: EHRGEN_GOLDEN=write python -m pytest tests/findings tests/release; then read the diff.
"""

import os
from difflib import unified_diff
from pathlib import Path


def assert_golden(text: str, path: Path) -> None:
    """The report is what the file beside the tests holds; what differs is printed."""
    if os.environ.get("EHRGEN_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    kept = path.read_text(encoding="utf-8")
    difference = unified_diff(kept.splitlines(), text.splitlines(), path.name, "now", lineterm="", n=1)
    assert kept == text, "\n".join(["the report changed; if that was meant: EHRGEN_GOLDEN=write", *difference])
