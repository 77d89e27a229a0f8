"""What this branch changes, as one Markdown comment: the working tree's results against those of another revision.

    python -m scripts.review main
    python -m scripts.review HEAD^1 --gate     # exit status 1 if results do not belong to code and parameters

Reads parameters and reports alone; no data, no model and no training are needed.
"""

import argparse
import json
import subprocess
import sys
from contextlib import chdir
from pathlib import Path
from typing import Any

from dvc.exceptions import DvcException
from dvc.output import Output
from dvc.repo import Repo
from dvc.stage import Stage
from networkx import ancestors
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from ehrgen.findings.review.changes import FILES, Revision
from ehrgen.findings.review.comment import comment, fitting, staleness

ROOT = Path(__file__).resolve().parents[1]


class ReviewError(ValueError):
    """A comparison that cannot be made; the message says what is missing or broken."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", help="revision to compare with, such as main")
    parser.add_argument("--cut", action="store_true", help="cut the comment to what GitHub takes")
    parser.add_argument("--gate", action="store_true", help="fail if results do not belong to code and parameters")
    asked = parser.parse_args()
    try:
        before, now = committed(ROOT, asked.base), working(ROOT)
        todo = stale(ROOT)
    except ReviewError as error:
        sys.exit(f"error: {error}")
    if asked.gate:
        sys.exit(staleness(todo) if todo else None)
    text = comment(before, now, todo)
    print(fitting(text) if asked.cut else text, end="")


def committed(root: Path, revision: str) -> Revision:
    """The results of a revision.

    Raises:
        ReviewError: If there is no such revision, or a file of it cannot be read.
    """
    commit = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if commit is None:
        raise ReviewError(f"no revision '{revision}'; fetch it, or name another: make review BASE=main")
    commit = commit.strip()
    texts = {name: _git(root, "show", f"{commit}:./{path}") for name, path in FILES.items()}
    return _revision(f"{revision} ({commit[:8]})", texts, revision)


def working(root: Path) -> Revision:
    """The results in the working tree, committed or not.

    Raises:
        ReviewError: If a file cannot be read.
    """
    texts = {name: _text(root / path) for name, path in FILES.items()}
    commit = (_git(root, "rev-parse", "--short=8", "HEAD") or "no commit").strip()
    changed = _git(root, "status", "--porcelain", "--", *FILES.values())
    name = f"{commit} and what is not committed" if changed else commit
    return _revision(name, texts, "the working tree")


def stale(root: Path) -> list[str]:
    """Stages whose results are not of this code and these parameters, and those that depend on them.

    What is kept out of git, patients and models, counts as fine where it is absent, as for `dvc repro --allow-missing
    --dry`, which however stops at the first stage to run whose outputs are absent, and takes a dvc.lock for good whose
    stages disagree about a file that is not there.

    Raises:
        ReviewError: If DVC cannot read its files.
    """
    try:
        with chdir(root), Repo() as repo:  # DVC names files as seen from where it runs
            graph = repo.index.graph
            kept = {out.def_path: out for stage in graph for out in stage.outs if out.use_cache}  # in DVC, not in git
            changed = {name for name, changes in repo.status().items() if _matters(changes, {*kept, _cohort(root)})}
            found = [stage for stage in graph if stage.addressing in changed or _disagrees(stage, kept)]
            return sorted(stage.addressing for stage in {*found}.union(*(ancestors(graph, one) for one in found)))
    except (DvcException, YAMLError, OSError) as error:
        raise ReviewError(f"dvc status failed: {' '.join(str(error).split())}") from error


def _matters(changes: list[Any], absent: set[str]) -> bool:
    """Whether what `dvc status` says of a stage is more than that files are not here which may be absent."""
    files = [
        (path, how)
        for change in changes
        if isinstance(change, dict)
        for of in change.values()
        for path, how in of.items()
    ]
    other = any(isinstance(change, str) for change in changes)  # changed command
    return other or any(not (path in absent and how in ("deleted", "not in cache")) for path, how in files)


def _disagrees(stage: Stage, kept: dict[str, Output]) -> bool:
    """Whether the stage ran on another version of a file than the one dvc.lock says was made."""
    return any(dep.def_path in kept and dep.hash_info != kept[dep.def_path].hash_info for dep in stage.deps)


def _cohort(root: Path) -> str:
    """Where the patients are read from, which may be absent as well."""
    return str((_content(FILES["params"], _text(root / FILES["params"]), "the working tree") or {})["cohort"]["path"])


def _revision(name: str, texts: dict[str, str | None], where: str) -> Revision:
    return Revision(name, **{part: _content(FILES[part], text, where) for part, text in texts.items()})


def _content(path: str, text: str | None, where: str) -> dict[str, Any] | None:
    """The mapping in a file; None for an absent one."""
    if text is None:
        return None
    try:
        found = json.loads(text) if path.endswith(".json") else YAML(typ="safe", pure=True).load(text)
    except (ValueError, YAMLError) as error:
        raise ReviewError(f"{path} of {where} is not readable: {' '.join(str(error).split())}") from error
    if not isinstance(found, dict):
        raise ReviewError(f"{path} of {where} holds no mapping; run `dvc repro` there")
    return found


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _git(root: Path, *arguments: str) -> str | None:
    """What git printed; None if it failed."""
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else None


if __name__ == "__main__":
    main()
