"""A made-up project: one model, its reports, and a dvc.lock that says which stage made what of what."""

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from ehrgen.release.provenance import Provenance, UnprovenError, content_hash
from tests.support.findings import scores
from tests.support.sandbox import ROOT

OUTS = {
    "ingest": ["reports/quality.json"],
    "train@base-0": ["models/base/0", "reports/manifests/base/0.json"],
    "evaluate@base-0": ["reports/runs/base/0.json"],
    "anchor": ["reports/anchors"],
}
MADE_UP = {  # what is not on disk: path -> stages that had or made it
    "data/cohort": ["ingest", "preprocess", "evaluate@base-0", "anchor"],
    "data/sequences": ["preprocess", "train@base-0"],
    "samples/base/0": ["sample@base-0", "evaluate@base-0"],
    "ehrgen/metrics/families": ["evaluate@base-0", "anchor"],
    "ehrgen/metrics/anchors": ["anchor"],
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write("models/base/0/config.json", "{}")
    write("models/base/0/model.safetensors", "weights")
    write("reports/quality.json", json.dumps({"source": "nhds", "cohort": {"patients": 9}}))
    write("reports/manifests/base/0.json", json.dumps({"seed": 0}))
    scores(coverage=0.9).save(Path("reports/runs/base/0.json"))
    scores(coverage=1.0).save(Path("reports/anchors/floor.json"))
    scores(coverage=0.8).save(Path("reports/anchors/memoriser.json"))
    lock()
    return tmp_path


def write(path: str, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def lock(**changed: str) -> None:
    """Record everything as it is now; `stage` and `path` together give one stage another hash of one path."""
    stages: dict[str, Any] = {}
    for stage, paths in OUTS.items():
        for path in paths:
            stages.setdefault(stage, {}).setdefault("outs", []).append({"path": path, "md5": content_hash(Path(path))})
    stages.setdefault("sample@base-0", {}).setdefault("deps", []).append(
        {"path": "models/base/0", "md5": content_hash(Path("models/base/0"))}
    )
    for path, owners in MADE_UP.items():
        for stage in owners:
            other = changed == {"stage": stage, "path": path}
            entry = {"path": path, "md5": "other" if other else path}
            stages.setdefault(stage, {}).setdefault("deps", []).append(entry)
    YAML().dump({"schema": "2.0", "stages": stages}, Path("dvc.lock"))


def known(model: str = "models/base/0") -> Provenance:
    return Provenance.of(Path(model), Path("dvc.lock"), Path("reports"))


def test_what_is_proven_is_known(project: Path):
    found = known()
    assert (found.variant, found.seed, found.missing) == ("base", 0, {})
    assert found.manifest == {"seed": 0}
    assert found.quality is not None and found.quality["source"] == "nhds"
    assert found.run is not None and found.run.metrics["coverage"] == 0.9
    assert found.anchors["memoriser"].metrics["coverage"] == 0.8


def test_other_weights_have_no_report(project: Path):
    write("models/base/0/model.safetensors", "others")
    found = known()
    assert found.run is found.manifest is found.quality is None
    assert set(found.missing) == {"manifest", "quality", "run", "anchors"}
    assert found.missing["run"] == "models/base/0 is not what dvc.lock records of stage sample"


def test_a_copy_elsewhere_is_known_by_its_content(project: Path):
    Path("kept/base").mkdir(parents=True)
    Path("models/base/0").rename("kept/base/0")
    assert known("kept/base/0").missing == {}


@pytest.mark.parametrize(
    ("path", "missing"),
    [
        ("reports/quality.json", {"quality"}),
        ("reports/manifests/base/0.json", {"manifest"}),
        ("reports/runs/base/0.json", {"run", "anchors"}),
        ("reports/anchors/floor.json", {"anchors"}),
    ],
)
def test_a_report_that_no_stage_wrote_is_not_known(project: Path, path: str, missing: set[str]):
    Path(path).write_text(Path(path).read_text() + " ")
    found = known()
    assert set(found.missing) == missing
    assert all("is not what dvc.lock records of stage" in reason for reason in found.missing.values())
    Path(path).unlink()
    assert set(known().missing) == missing


@pytest.mark.parametrize(
    ("stage", "path", "missing"),
    [
        ("evaluate@base-0", "samples/base/0", {"run", "anchors"}),
        ("anchor", "ehrgen/metrics/families", {"anchors"}),
        ("anchor", "data/cohort", {"anchors"}),
        ("preprocess", "data/sequences", {"quality"}),
        ("ingest", "data/cohort", {"quality"}),
    ],
)
def test_a_chain_that_is_broken_proves_nothing(project: Path, stage: str, path: str, missing: set[str]):
    lock(stage=stage, path=path)
    found = known()
    assert set(found.missing) == missing
    assert f"ran with different {path}" in next(iter(found.missing.values()))


def test_the_real_stages_can_prove_that_the_anchors_were_measured_alike():
    """Whatever code `evaluate` reads, `anchor` lists under the same name; else no card would ever show an anchor."""
    code = {
        stage: {path for path in content["deps"] if path.startswith("ehrgen/")}
        for stage, content in YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"].items()
        if stage in ("evaluate", "anchor")
    }
    assert code["evaluate"] <= code["anchor"]


def test_a_floor_of_another_size_is_none(project: Path):
    floor = json.loads(Path("reports/anchors/floor.json").read_text())
    write("reports/anchors/floor.json", json.dumps(floor | {"patients": 9}))
    lock()
    assert known().missing == {"anchors": "reports/anchors has no floor of 3,000 patients"}


def test_without_a_lock_nothing_is_known(project: Path):
    Path("dvc.lock").unlink()
    assert known().missing["run"] == "dvc.lock has no models/base/0 of stage sample"


def test_the_hash_is_that_of_dvc(tmp_path: Path):
    """DVC 3.67.1 recorded these of a folder of two files: `dvc add` and the .dvc file it wrote."""
    (tmp_path / "folder" / "b").mkdir(parents=True)
    (tmp_path / "folder" / "a.txt").write_text("one\n")
    (tmp_path / "folder" / "b" / "c.txt").write_text("two\n")
    assert content_hash(tmp_path / "folder" / "a.txt") == "5bbf5a52328e7439ae6e719dfe712200"
    assert content_hash(tmp_path / "folder") == "4d766c5a6be8460aee3b3f4d33376864.dir"


def test_the_error_is_ours():
    assert UnprovenError.__module__.startswith("ehrgen."), "what ehrgen.core.command prints in one line"
