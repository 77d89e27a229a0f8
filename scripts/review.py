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
from dvc.repo import Repo, lock_repo
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

    DVC says it of each stage, as it does for `dvc repro --allow-missing --dry`: what is kept out of git, patients and
    models, counts as fine where it is absent. That command stops at the first stage to run; this goes on. A report
    that git keeps may not be absent.

    Raises:
        ReviewError: If DVC cannot read its files.
    """
    try:
        with chdir(root), Repo() as repo, lock_repo(repo):  # DVC names files as seen from where it runs
            graph = repo.index.graph  # from a stage to those it depends on
            changed = [
                stage
                for stage in graph
                if stage.changed(allow_missing=True, upstream=list(graph.successors(stage)))
                or any(not (out.use_cache or out.exists) for out in stage.outs)
            ]
            dependent = {*changed}.union(*(ancestors(graph, stage) for stage in changed))
            return sorted(stage.addressing for stage in dependent)
    except (DvcException, YAMLError, OSError) as error:
        raise ReviewError(f"dvc status failed: {' '.join(str(error).split())}") from error


def _revision(name: str, texts: dict[str, str | None], where: str) -> Revision:
    return Revision(name, **{part: _content(FILES[part], text, where) for part, text in texts.items()})


def _content(path: str, text: str | None, where: str) -> dict[str, Any] | None:
    """The mapping in a file; None for an absent one."""
    if text is None:
        return None
    try:
        content = json.loads(text) if path.endswith(".json") else YAML(typ="safe", pure=True).load(text)
    except (ValueError, YAMLError) as error:
        raise ReviewError(f"{path} of {where} is not readable: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise ReviewError(f"{path} of {where} holds no mapping; run `dvc repro` there")
    return content


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _git(root: Path, *arguments: str) -> str | None:
    """What git printed; None if it failed."""
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else None


if __name__ == "__main__":
    main()
