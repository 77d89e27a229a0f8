"""The reports of the default run and of every study are what the code writes from their JSON."""

from pathlib import Path

import pytest

from ehrgen.core.files import read_json
from scripts.rewrite import ROOT, folders, rewritten


@pytest.mark.parametrize("folder", folders(ROOT), ids=lambda folder: folder.name)
def test_committed_texts_are_those_of_the_json(folder: Path):
    measured, texts = rewritten(folder)
    assert measured == read_json(folder / "ablation.json", ""), "run: python -m scripts.rewrite"
    for name, text in texts.items():
        assert text == (folder / name).read_text(encoding="utf-8"), f"{name}; run: python -m scripts.rewrite"


def test_every_run_with_reports_is_among_them():
    assert [folder.name for folder in folders(ROOT)][:2] == ["reports", "autopsy"]
