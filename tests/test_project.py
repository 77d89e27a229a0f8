"""The project's own files agree with each other: metadata, lock, Makefile, checks of a commit and of a push."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.sandbox import ROOT


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


PYPROJECT = tomllib.loads(read("pyproject.toml"))
LOCK = read("requirements.lock")
MAKEFILE = read("Makefile")
WORKFLOWS = {path.name: yaml.safe_load(path.read_text()) for path in (ROOT / ".github/workflows").glob("*.yml")}
STEPS = [(name, step) for name, flow in WORKFLOWS.items() for job in flow["jobs"].values() for step in job["steps"]]


def pins() -> dict[str, list[Requirement]]:
    """By name, what the lock says; several where versions depend on the Python."""
    found: dict[str, list[Requirement]] = {}
    for line in LOCK.splitlines():
        if line and not line.lstrip().startswith("#"):
            one = Requirement(line)
            found.setdefault(canonicalize_name(one.name), []).append(one)
    return found


def test_the_lock_holds_what_is_asked_for_and_satisfies_it():
    asked = [*PYPROJECT["project"]["dependencies"], *PYPROJECT["dependency-groups"]["dev"]]
    for wanted in map(Requirement, asked):
        for one in pins()[canonicalize_name(wanted.name)]:
            (exact,) = one.specifier
            assert exact.operator == "==" and wanted.specifier.contains(exact.version), one


@pytest.mark.parametrize("python", ["3.11", "3.13"])
@pytest.mark.parametrize("system", ["linux", "darwin"])
def test_every_package_has_one_version_on_a_machine(python: str, system: str):
    machine = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": system}
    for name, ways in pins().items():
        fit = [one for one in ways if one.marker is None or one.marker.evaluate(machine)]
        assert len(fit) <= 1, name


def test_the_lock_names_no_machine_and_brings_no_cuda():
    assert not re.search(r"https?:|file:|--(extra-)?index|--find-links|/(home|root|work|tmp|opt|Users)/", LOCK)
    assert not [name for name in pins() if name.startswith(("nvidia", "cuda", "triton"))]
    assert [str(one) for one in pins()["torch"]] == ["torch==2.13.0"]


def test_the_header_of_the_lock_is_the_command_that_writes_it():
    (command,) = re.findall(r"^#    uv (.+)$", LOCK, re.MULTILINE)
    (recipe,) = re.findall(r"^lock:.*\n\t\.venv/bin/uv (.+)$", MAKEFILE, re.MULTILINE)
    assert recipe.replace(" --quiet", "").replace(" $(UPGRADE)", "") == command


def test_one_version():
    version = PYPROJECT["project"]["version"]
    assert yaml.safe_load(read("CITATION.cff"))["version"] == version
    assert re.search(r"^## (\S+)", read("CHANGELOG.md"), re.MULTILINE)[1] == version


def test_what_is_not_python_is_packaged_too():
    kept = {
        path.suffix for path in (ROOT / "ehrgen").rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert {Path(pattern).suffix for pattern in PYPROJECT["tool"]["setuptools"]["package-data"]["*"]} == kept


def test_the_checks_of_a_commit_are_those_of_make_lint():
    hooks = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"][0]["hooks"]
    programs = {hook["entry"].split()[0] for hook in hooks if hook["language"] == "system"}
    lint = MAKEFILE.partition("\nlint:")[2].partition("\n\n")[0]
    assert programs == set(re.findall(r"\.venv/bin/\w+", lint)) - {".venv/bin/mypy"}  # which reads the whole


def test_make_targets_of_the_workflows_exist():
    targets = {step["run"].split()[1] for _, step in STEPS if step.get("run", "").startswith("make ")}
    assert targets == {"setup", "test", "test-portable", "test-quick", "smoke"}
    assert all(re.search(rf"^{target}:", MAKEFILE, re.MULTILINE) for target in targets)
    assert set(re.findall(r"^make (\S+)$", read(".ci/run"), re.MULTILINE)) == {"test", "test-portable"}


def test_actions_are_pinned_by_commit_and_keep_no_rights():
    for _, step in STEPS:
        if "uses" in step:
            assert re.fullmatch(r"actions/(checkout|setup-python)@[0-9a-f]{40}", step["uses"])
        if "checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False
        assert "${{" not in step.get("run", "")
    assert WORKFLOWS["tests.yml"]["permissions"] == {"contents": "read"}
    assert set(WORKFLOWS["tests.yml"][True]) == {"push", "pull_request"}
    assert WORKFLOWS["tests.yml"]["jobs"]["linux"]["strategy"]["matrix"]["python"] == ["3.11", "3.13"]
