"""What this branch changes, as one Markdown comment: the working tree's results against those of another revision.

    python -m scripts.review main
    python -m scripts.review HEAD^1 --gate     # exit status 1 if results do not belong to code and parameters

Reads parameters and reports alone; no data, no model and no training are needed.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from dvc.exceptions import DvcException
from dvc.repo import Repo
from networkx import ancestors
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from ehrgen.findings.review import comment, fitting, staleness
from ehrgen.findings.revisions import FILES, Revision

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
    return Revision(f"{revision} ({commit[:8]})", **_parsed(texts, revision))


def working(root: Path) -> Revision:
    """The results in the working tree, committed or not.

    Raises:
        ReviewError: If a file cannot be read.
    """
    texts = {name: _text(root / path) for name, path in FILES.items()}
    commit = (_git(root, "rev-parse", "--short=8", "HEAD") or "no commit").strip()
    changed = _git(root, "status", "--porcelain", "--", *FILES.values())
    name = f"{commit} and what is not committed" if changed else commit
    return Revision(name, **_parsed(texts, "the working tree"))


def stale(root: Path) -> list[str]:
    """Stages that DVC would run, and those that depend on them; patients and models that are not here count as fine.

    Like `dvc repro --allow-missing --dry`, which stops at the first changed stage whose outputs are not here.

    Raises:
        ReviewError: If DVC cannot read its files.
    """
    try:
        with Repo(root) as repo:
            graph = repo.index.graph
            elsewhere = {out.def_path for stage in graph for out in stage.outs if out.use_cache}
            elsewhere.add(str(_yaml(root / "params.yaml").get("cohort", {}).get("path")))
            stages = {stage.addressing: stage for stage in graph}
            found = [stages[name] for name, changes in repo.status().items() if _matters(changes, elsewhere)]
            return sorted(stage.addressing for stage in {*found}.union(*(ancestors(graph, one) for one in found)))
    except (DvcException, YAMLError, OSError) as error:
        raise ReviewError(f"dvc status failed: {' '.join(str(error).split())}") from error


def _matters(changes: list[Any], elsewhere: set[str]) -> bool:
    """Whether a stage of `dvc status` is changed by more than the absence of what is kept out of git."""
    for change in changes:
        if isinstance(change, str):  # changed command
            return True
        for files in change.values():
            if any(not (how == "deleted" and path in elsewhere) for path, how in files.items()):
                return True
    return False


def _parsed(texts: dict[str, str | None], where: str) -> dict[str, Any]:
    """Attribute of a revision -> content; None for an absent file."""
    found: dict[str, Any] = {}
    for name, text in texts.items():
        try:
            read = json.loads if FILES[name].endswith(".json") else YAML(typ="safe", pure=True).load
            found[name] = None if text is None else read(text)
        except (ValueError, YAMLError) as error:
            raise ReviewError(f"{FILES[name]} of {where} is not readable: {' '.join(str(error).split())}") from error
        if not isinstance(found[name], dict | type(None)):
            raise ReviewError(f"{FILES[name]} of {where} holds no mapping; run `dvc repro` there")
    return found


def _yaml(path: Path) -> dict[str, Any]:
    return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _git(root: Path, *arguments: str) -> str | None:
    """What git printed; None if it failed."""
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else None


if __name__ == "__main__":
    main()
