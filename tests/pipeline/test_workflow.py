"""The workflow of a pull request: its safety by reading it, its shell steps by running them on a merge of two branches.

Real git and DVC on the project's own files, but a pipeline of three stages that makes its reports up.
"""

import base64
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.review import ReviewError, committed, stale, working
from tests.support.sandbox import ROOT, Sandbox

WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/ablation.yml").read_text(encoding="utf-8"))
STEPS = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]
DVC = """\
stages:
  prepare:
    cmd: python made_up.py patients
    params: [cohort.seed]
    deps: [made_up.py]
    outs: [data/patients.txt]
  compare:
    cmd: python made_up.py reports
    params: [loss]
    deps: [made_up.py, data/patients.txt]
    outs:
      - resolved.yaml: {cache: false}
      - reports/ablation.json: {cache: false}
  headline:
    cmd: python made_up.py headline
    params:
      - resolved.yaml: [effective.multitask.loss]
    deps: [made_up.py]
    outs:
      - reports/headline.json: {cache: false}
"""
MADE_UP = """\
import json, pathlib, sys
from ruamel.yaml import YAML
pathlib.Path("data").mkdir(exist_ok=True)
pathlib.Path("reports").mkdir(exist_ok=True)
if sys.argv[1] == "patients":
    pathlib.Path("data/patients.txt").write_text("secret")
elif sys.argv[1] == "headline":
    weight = YAML(typ="safe").load(pathlib.Path("resolved.yaml"))["effective"]["multitask"]["loss"]["cooccur"]
    pathlib.Path("reports/headline.json").write_text(json.dumps({"coverage": 1 - weight}))
else:
    weight = YAML(typ="safe").load(pathlib.Path("params.yaml"))["loss"]["cooccur"]
    mean = {"coverage": {"mean": 1 - weight, "half_width": 0.03, "seeds": 3}}
    table = {"reference": "multitask", "patients": [80], "variants": {"multitask": mean}}
    table["difference_from_reference"] = {}
    pathlib.Path("reports/ablation.json").write_text(json.dumps(table))
    effective = {"effective": {"multitask": {"loss": {"cooccur": weight}}}}
    YAML().dump(effective, pathlib.Path("resolved.yaml"))
"""
GH = """\
#!/bin/sh
printf '%s\\n' "$*" >> "$CALLS"
case "$*" in *--paginate*) printf '%s' "$FOUND" ;; *) cp review.md "$CALLS.md" ;; esac
"""
pytestmark = [
    pytest.mark.dvc,
    pytest.mark.filterwarnings("ignore:_NoneStep.value will:DeprecationWarning"),  # DVC's own, in this process
]


@pytest.fixture(autouse=True)
def own_dvc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for part in ("SITE_CACHE_DIR", "GLOBAL_CONFIG_DIR"):
        monkeypatch.setenv(f"DVC_{part}", str(tmp_path / part))


@pytest.fixture(scope="module")
def branches(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """main; `heavier`, which changes a weight and commits what that does; `stale`, which only changes it."""
    sandbox = Sandbox.make(tmp_path_factory.mktemp("workflow") / "origin")
    (sandbox.folder / "dvc.yaml").write_text(DVC)
    (sandbox.folder / "made_up.py").write_text(MADE_UP)
    sandbox.dvc("repro")
    sandbox.commit("results")
    params = sandbox.folder / "params.yaml"
    for branch in ("heavier", "stale"):
        sandbox.run("git", "checkout", "--quiet", "-b", branch, "main")
        text = params.read_text()
        assert "cooccur: 0.05" in text
        params.write_text(text.replace("cooccur: 0.05", "cooccur: 0.5"))
        if branch == "heavier":
            sandbox.dvc("repro")
        sandbox.commit(branch)
    return sandbox


@pytest.fixture
def merged(branches: Sandbox, tmp_path: Path):
    def merge(branch: str) -> Sandbox:
        """What the runner checks out: a clone, without data, at the merge of the branch into main."""
        clone = Sandbox(tmp_path / "clone")
        branches.run("git", "clone", "--quiet", str(branches.folder), str(clone.folder))
        clone.run("git", "merge", "--quiet", "--no-ff", "--message", "merge", f"origin/{branch}")
        (clone.folder / ".venv").symlink_to(sys.prefix)
        assert not (clone.folder / "data/patients.txt").exists()
        return clone

    return merge


def step(name: str) -> dict[str, Any]:
    [found] = [one for one in STEPS if one.get("id") == name]
    return found


def execute(clone: Sandbox, name: str, check: bool = True, **environment: str) -> str:
    """Run a step's script as the runner does (`shell: bash`)."""
    files = {part: str(clone.folder.parent / part) for part in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    values = [f"{key}={value}" for key, value in {**files, **environment}.items()]
    shell = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step(name)["run"]]
    return clone.run("env", *values, *shell, check=check)


def test_a_changed_weight_becomes_a_comment_and_passes_the_gate(merged):
    clone = merged("heavier")
    execute(clone, "comment")
    name, _, value = (clone.folder.parent / "GITHUB_OUTPUT").read_text().partition("=")
    text = base64.b64decode(value).decode()
    assert name == "comment" and value.count("\n") == 1, "one line, whatever the comment holds"
    assert text == (clone.folder.parent / "GITHUB_STEP_SUMMARY").read_text()
    assert "Results are up to date" in text
    assert re.search(r"\| loss\.cooccur \|\s+0\.05 \|\s+0\.5 \|\s+all \|", text)
    assert re.search(r"\| coverage = +\|\s+0\.95 \|\s+0\.5 \|\s+-0\.450 ± 0\.042 \|\s+exceeds \|\s+worse \|", text)
    assert "reports/findings.json is missing in HEAD^1" in text
    assert execute(clone, "gate") == ""


def test_results_of_other_parameters_fail_the_gate_and_the_comment_says_so(merged):
    clone = merged("stale")
    execute(clone, "comment")
    text = (clone.folder / "review.md").read_text()
    assert "**Results are stale**: dvc.lock does not match code and parameters" in text
    assert "and 2 stages would run: compare (1), headline (1)" in text
    assert "Results are stale" in execute(clone, "gate", check=False)


@pytest.mark.parametrize(
    ("path", "old", "new", "found"),
    [
        ("README.md", "# ehrgen", "# other", []),
        ("params.yaml", "  epochs: 1", "  epochs: 2", []),  # a parameter of no stage here
        ("params.yaml", "  sex: 0.005", "  sex: 1", ["compare", "headline"]),
        ("made_up.py", "secret", "other", ["compare", "headline", "prepare"]),
        ("dvc.yaml", "made_up.py patients", "made_up.py patients more", ["compare", "headline", "prepare"]),
        ("reports/headline.json", "0.5", "0.6", ["headline"]),
        ("reports/headline.json", "", None, ["headline"]),
    ],
)
def test_what_is_edited_is_stale_to_the_last_stage(merged, path: str, old: str, new: str | None, found: list[str]):
    clone = merged("heavier")
    text = (clone.folder / path).read_text()
    assert old in text
    (clone.folder / path).unlink()
    if new is not None:
        (clone.folder / path).write_text(text.replace(old, new, 1))
    assert stale(clone.folder) == found


def test_stages_that_disagree_about_a_file_that_is_absent_are_stale(merged):
    """As after a merge of two branches that both trained: each half of dvc.lock is right, the whole is not."""
    clone = merged("heavier")
    lock = clone.folder / "dvc.lock"
    entry = re.search(r"path: data/patients\.txt\n\s+hash: md5\n\s+md5: (\w+)", lock.read_text())
    assert entry is not None and lock.read_text().count(entry[1]) == 2
    lock.write_text(lock.read_text().replace(entry[1], "f" * 32, 1))
    assert stale(clone.folder) == ["compare", "headline"]


def test_what_cannot_be_read_is_one_line(merged):
    clone = merged("heavier")
    with pytest.raises(ReviewError, match=r"^no revision 'no-such'; fetch it, or name another: make review BASE=main$"):
        committed(clone.folder, "no-such")
    with pytest.raises(ReviewError, match="no revision '--upload-pack=touch broken'"):
        committed(clone.folder, "--upload-pack=touch broken")
    for text, message in (("{", "of the working tree is not readable"), ("[]", "holds no mapping; run `dvc repro`")):
        (clone.folder / "reports/ablation.json").write_text(text)
        with pytest.raises(ReviewError, match=rf"reports/ablation\.json .*{message}"):
            working(clone.folder)
    (clone.folder / "dvc.lock").write_text("<<<<<<< HEAD\n")
    with pytest.raises(ReviewError, match=r"dvc status failed: .*dvc\.lock"):
        stale(clone.folder)


def test_what_is_not_committed_is_named(merged):
    clone = merged("heavier")
    assert "not committed" not in working(clone.folder).name
    (clone.folder / "params.yaml").write_text((clone.folder / "params.yaml").read_text() + "\n")
    assert working(clone.folder).name.endswith("and what is not committed")


@pytest.mark.parametrize(
    ("found", "call"),
    [
        ("", "--method POST repos/o/r/issues/7/comments"),
        ("11\n12\n", "--method PATCH repos/o/r/issues/comments/11"),
    ],
)
def test_the_comment_is_posted_once_and_renewed_then(tmp_path: Path, found: str, call: str):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/gh").write_text(GH)
    (tmp_path / "bin/gh").chmod(0o755)
    (tmp_path / "work").mkdir()
    text = "<!-- ehrgen review -->\n$(touch broken) `touch broken` \"'; touch broken #\n"
    execute(
        Sandbox(tmp_path / "work"),
        "post",
        PATH=f"{tmp_path / 'bin'}:/usr/bin:/bin",
        CALLS=str(tmp_path / "calls"),
        FOUND=found,
        COMMENT=base64.b64encode(text.encode()).decode(),
        NUMBER="7",
        GITHUB_REPOSITORY="o/r",
    )
    listed, posted = (tmp_path / "calls").read_text().splitlines()
    assert "repos/o/r/issues/7/comments" in listed and "github-actions[bot]" in listed
    assert call in posted and posted.endswith("--field body=@review.md")
    assert (tmp_path / "calls.md").read_text() == text
    assert not list(tmp_path.rglob("broken"))


def test_no_value_of_the_event_reaches_a_shell_line():
    for one in STEPS:
        assert "${{" not in one.get("run", "")
        for value in one.get("env", {}).values():
            assert not re.search(r"title|body|head\.(ref|label)|head_ref|message|login", str(value))


def test_actions_are_pinned_by_commit_and_few():
    used = [one["uses"] for one in STEPS if "uses" in one]
    assert all(re.fullmatch(r"actions/(checkout|setup-python)@[0-9a-f]{40}", one) for one in used) and len(used) == 2


def test_code_of_the_pull_request_runs_without_rights():
    assert set(WORKFLOW[True]) == {"pull_request"}, "`on`; pull_request_target would give a fork's code our token"
    assert WORKFLOW["permissions"] == {}
    jobs = WORKFLOW["jobs"]
    assert {name: job["permissions"] for name, job in jobs.items()} == {
        "review": {"contents": "read"},
        "post": {"pull-requests": "write"},
    }
    checkout = next(one for one in jobs["review"]["steps"] if one.get("uses", "").startswith("actions/checkout"))
    assert checkout["with"]["persist-credentials"] is False
    assert "head.repo.full_name == github.repository" in jobs["post"]["if"]
    assert not any("uses" in one or ".venv" in one["run"] for one in jobs["post"]["steps"])
    assert "GH_TOKEN" not in json.dumps(jobs["review"])
