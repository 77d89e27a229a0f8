"""The stage that draws, run as a user's DVC runs it: in a folder, on files."""

import csv
import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from ehrgen.core.files import FileError
from ehrgen.metrics import portrait
from pipeline import report
from tests.support.html import Reading
from tests.support.page_inputs import MANIFEST, PORTRAIT, sources


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two variants, of which one has neither history nor portrait."""
    monkeypatch.chdir(tmp_path)
    found = sources("base", "less")
    ablation = {"run": ["base", "less"], "seeds": [0, 1]} | dict.fromkeys(("reference", "headline"), "base")
    YAML().dump({"ablation": ablation}, Path("params.yaml"))
    YAML().dump({"effective": {"base": {"loss": {"age": 1}}, "less": {"loss": {"age": 0}}}}, Path("resolved.yaml"))
    for part in ("ablation", "findings", "quality"):
        written(Path(f"reports/{part}.json"), json.dumps(getattr(found, part)))
    written(Path("reports/manifests/base/0.json"), json.dumps(MANIFEST | {"train": {"epochs": 1}}))
    written(Path("reports/history/base/0.csv"), "epoch,objective,weight,value,share,grad_share\n1,lm,1,4.5,1,1\n")
    for path in ("floor.json", "base/0.json"):
        portrait.save(PORTRAIT, Path("reports/portraits") / path)
    return tmp_path


def written(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_one_page_one_figure_and_one_table(project: Path):
    report.main()
    found = Reading(Path("reports/report.html").read_text())
    assert found.balanced
    assert "Differs from base in loss.age = 0." in found.text
    assert "No history of a training was found." in found.text and "No portrait" in found.text
    rows = list(csv.DictReader(Path("reports/shares.csv").read_text().splitlines()))
    assert [row["grad_share"] for row in rows] == ["1"]
    assert Path("reports/figure.svg").read_text().startswith("<svg")


def test_it_repeats(project: Path):
    report.main()
    first = Path("reports/report.html").read_bytes()
    report.main()
    assert Path("reports/report.html").read_bytes() == first


def test_a_broken_portrait_is_named_and_nothing_is_written(project: Path):
    written(Path("reports/portraits/base/0.json"), "{}")
    with pytest.raises(FileError, match=r"portraits/base/0\.json: patients: Field required; run `dvc repro`"):
        report.main()
    assert not Path("reports/report.html").exists()
