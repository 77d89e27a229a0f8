"""Committed studies: what they change, and the folder they run in."""

import ast
import subprocess
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from ehrgen.core.params import load_yaml, parse
from ehrgen.findings.statistics.comparison import changes
from ehrgen.variants import AblationSettings, check_ablation, resolve
from pipeline.resolve import VARIED
from scripts.study import REPORTS, StudyError, collect, execute, lay_over, merged, prepare
from tests.support.sandbox import ROOT

BASE = load_yaml(ROOT / "params.yaml")
STUDIES = sorted(path.parent.name for path in ROOT.glob("studies/*/params.yaml"))
PARAMS = "cohort:\n  files: here  # ours\n  patients: 9\nablation:\n  run: [a, b]\n"
ONE_CHANGE = {
    "replica_no_cooccur": {"loss.cooccur": 0.0},
    "replica_no_sex": {"loss.sex": 0.0},
    "replica_lm_only": {"loss.age": 0.0, "loss.sex": 0.0, "loss.cooccur": 0.0},
    "replica_sampled": {"sampling.greedy": False},
    "replica_demographics": {"sampling.demographics": True},
    "replica_prompt_encoder": {"model.encoder_input": "prompt"},
    "replica_trained_expansion": {"model.hierarchy": "factored"},
    "replica_prompt_sampled": {
        "model.encoder_input": "prompt",
        "sampling.greedy": False,
        "sampling.demographics": True,
    },
}
FROM_REPAIRED = {
    "replica_prompt_lm_only": {"loss.age": 0.0, "loss.sex": 0.0, "loss.cooccur": 0.0},
    "replica_prompt_heavy_age": {"loss.age": 0.1},
    "replica_prompt_rules": {"sampling.rule_edits": True},
}


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_resolves(name: str):
    content = merged(deepcopy(BASE), load_yaml(ROOT / "studies" / name / "params.yaml"))
    assert set(content) == set(BASE), "a section that is no section"
    ablation = parse(content["ablation"], AblationSettings, name)
    check_ablation(ablation, resolve(content, VARIED, name), name)


@pytest.mark.parametrize(("reference", "repairs"), [("replica", ONE_CHANGE), ("replica_prompt_sampled", FROM_REPAIRED)])
def test_a_repair_changes_what_it_says_and_nothing_else(reference: str, repairs: dict[str, dict[str, Any]]):
    found = changes(resolve(BASE, VARIED, "params.yaml"), reference)
    assert {name: found[name] for name in repairs} == repairs


def test_the_autopsy_holds_every_replica():
    run = load_yaml(ROOT / "studies/autopsy/params.yaml")["ablation"]["run"]
    assert run == ["replica", *ONE_CHANGE, *FROM_REPAIRED]


def test_lists_are_replaced_and_comments_kept(tmp_path: Path):
    (tmp_path / "params.yaml").write_text(PARAMS)
    lay_over(tmp_path / "params.yaml", {"ablation": {"run": ["c"]}, "cohort": {"patients": 5}})
    text = (tmp_path / "params.yaml").read_text()
    assert "files: here  # ours" in text
    assert YAML(typ="safe").load(text) == {"cohort": {"files": "here", "patients": 5}, "ablation": {"run": ["c"]}}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a study, a result of the default run, and two files of code."""
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "a")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "a@example.org")
    write(tmp_path / "root", "params.yaml", PARAMS)
    write(
        tmp_path / "root", "studies/small/params.yaml", "cohort: {source: mimic3, files: null}\nablation: {run: [c]}\n"
    )
    write(tmp_path / "root", "reports/ablation.md", "of the default run")
    write(tmp_path / "root", "code/kept.py", "1")
    write(tmp_path / "root", "code/gone.py", "1")
    git(tmp_path / "root", "init", "--quiet")
    commit(tmp_path / "root")
    write(tmp_path, "patients.csv", "")
    return tmp_path / "root"


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(root), *arguments], check=True, stdout=subprocess.PIPE)


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "x")


def test_a_study_is_the_last_commit_with_its_parameters(project: Path):
    write(project, "code/kept.py", "not committed")
    folder = prepare(project, "small", project.parent / "patients.csv")
    assert folder == project / ".studies/small"
    assert (folder / "code/kept.py").read_text() == "1"
    assert not (folder / "reports").exists(), "results of the default run are none of the study's"
    assert load_yaml(folder / "params.yaml") == {
        "cohort": {"source": "mimic3", "files": [str(project.parent / "patients.csv")], "patients": 9},
        "ablation": {"run": ["c"]},
    }


def test_a_folder_stands_for_its_three_tables(project: Path):
    for name in ("ADMISSIONS.csv.gz", "patients.csv", "CHARTEVENTS.csv", "DIAGNOSES_ICD.csv"):
        write(project.parent, f"mimic/{name}", "")
    folder = prepare(project, "small", project.parent / "mimic")
    tables = [
        str(project.parent / "mimic" / name) for name in ("patients.csv", "ADMISSIONS.csv.gz", "DIAGNOSES_ICD.csv")
    ]
    assert load_yaml(folder / "params.yaml")["cohort"]["files"] == tables


def test_it_goes_on_where_it_was_with_the_code_of_today(project: Path):
    folder = prepare(project, "small", project.parent / "patients.csv")
    write(folder, "reports/ablation.md", "of the study")
    write(folder, "data/cohort", "patients")
    write(folder, "code/kept.py", "edited there")
    write(project, "code/kept.py", "2")
    (project / "code/gone.py").unlink()
    commit(project)
    assert prepare(project, "small", project.parent / "patients.csv") == folder
    assert (folder / "reports/ablation.md").read_text() == "of the study"
    assert (folder / "data/cohort").exists() and not (folder / "code/gone.py").exists()
    assert (folder / "code/kept.py").read_text() == "2"


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("big", None, "no study 'big'; known studies: small"),
        ("small", None, "reads patients that are not in the repository; say where: --data PATH"),
        ("small", "absent.csv", "absent.csv: no such file or folder"),
        ("small", "code", "code: this folder has no files of mimic3"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_made(project: Path, name: str, data: str | None, message: str):
    with pytest.raises(StudyError, match=message):
        prepare(project, name, data and project / data)
    assert not (project / ".studies").exists()


def test_only_the_reports_are_collected(tmp_path: Path):
    for name in (*REPORTS[1:], "runs/a/0.json", "patients.parquet"):
        write(tmp_path / "study/reports", name, name)
    with pytest.raises(StudyError, match=r"ablation\.md missing: the study is not finished"):
        collect(tmp_path / "study", tmp_path / "kept")
    assert not (tmp_path / "kept").exists()
    write(tmp_path / "study/reports", REPORTS[0], "")
    assert collect(tmp_path / "study", tmp_path / "kept") == [tmp_path / "kept" / name for name in REPORTS]
    assert {path.name for path in (tmp_path / "kept").rglob("*")} == set(REPORTS)


@pytest.mark.parametrize("status", [0, 1])
def test_stages_run_as_make_repro_runs_them_with_the_store_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
):
    write(
        tmp_path,
        "pipeline/repro.py",
        f"import os, sys\nopen('asked', 'w').write(repr((sys.argv[1:], dict(os.environ))))\nsys.exit({status})",
    )
    monkeypatch.setenv("GIT_DIR", "elsewhere")
    if status:
        with pytest.raises(StudyError, match="the study is not finished; the same command goes on where it was"):
            execute(tmp_path, 3, Path("/project/.store"))
    else:
        execute(tmp_path, 3, Path("/project/.store"))
    arguments, environment = ast.literal_eval((tmp_path / "asked").read_text())
    assert arguments == ["--jobs", "3"]
    assert environment["EHRGEN_STORE"] == "/project/.store" and "GIT_DIR" not in environment
