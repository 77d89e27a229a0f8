"""A committed study in one command: params.yaml with changes, in a folder of its own, with the models of this project.

    python -m scripts.study autopsy --jobs 2
    python -m scripts.study nhds --data /path/to/NHDS10.PU.txt.gz

studies/NAME/params.yaml holds what differs from params.yaml. The stages run in .studies/NAME, a clone of the last
commit that git and DVC ignore; stopped, the same command goes on where it was. Of the results, the reports that hold
no patient are copied to studies/NAME, to be committed.
"""

import argparse
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from ehrgen.core.files import replacing
from ehrgen.core.params import ParamsError, load_yaml
from ehrgen.data.readers.source import files_of

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ("reports/", "resolved.yaml", "dvc.lock")  # of the default run: they say nothing about a study
REPORTS = ("ablation.md", "ablation.json", "findings.md", "findings.json", "quality.json", "headline.json")


class StudyError(ValueError):
    """A study that cannot be run; the message says what is missing."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="a folder of studies/")
    parser.add_argument("--data", type=Path, help="file of patients, or folder of their tables, for cohort.files")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="cells of variant x seed side by side")
    asked = parser.parse_args()
    try:
        folder = prepare(ROOT, asked.name, asked.data)
        execute(folder, asked.jobs, ROOT / ".store")
        print("written:", *(path.relative_to(ROOT) for path in collect(folder, ROOT / "studies" / asked.name)))
    except (StudyError, ParamsError) as error:
        sys.exit(f"error: {error}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"error: {' '.join(map(str, error.cmd))} exited with {error.returncode}; run this again")


def prepare(root: Path, name: str, data: Path | None) -> Path:
    """The folder of a study: the project's last commit, the study's parameters, and what is there of its results.

    Raises:
        StudyError: If there is no such study, or its data are not given or not there.
    """
    overrides = root / "studies" / name / "params.yaml"
    if not overrides.is_file():
        known = ", ".join(sorted(path.parent.name for path in root.glob("studies/*/params.yaml"))) or "none"
        raise StudyError(f"no study '{name}'; known studies: {known}")
    changes = load_yaml(overrides)
    if data is not None:
        if not data.exists():
            raise StudyError(f"--data {data}: no such file or folder")
        source = changes.get("cohort", {}).get("source")
        files = files_of(data.resolve(), source) if data.is_dir() else [data.resolve()]
        if not files:
            raise StudyError(f"--data {data}: this folder has no files of {source}")
        changes = merged(changes, {"cohort": {"files": [str(file) for file in files]}})
    if "files" in changes.get("cohort", {}) and changes["cohort"]["files"] is None:
        raise StudyError(f"study '{name}' reads patients that are not in the repository; say where: --data PATH")
    if _git(root, "status", "--porcelain", "--untracked-files=no"):
        print("note: a study runs the last commit; what is not committed has no part in it")
    folder = root / ".studies" / name
    check_out(root, folder)
    lay_over(folder / "params.yaml", changes)
    return folder


def check_out(root: Path, folder: Path) -> None:
    """Make `folder` a clone at the last commit of `root`, without that commit's results and keeping its own."""
    if not (folder / ".git").exists():
        with replacing(folder) as fresh:
            _git(root, "clone", "--quiet", "--no-checkout", str(root), str(fresh))
    _git(folder, "fetch", "--quiet", str(root), "HEAD")
    commit = _git(folder, "rev-parse", "FETCH_HEAD").strip()
    gone = _git(folder, "diff", "--name-only", "--no-renames", "--diff-filter=D", "-z", "HEAD", commit)
    for path in _without_results(gone):
        (folder / path).unlink(missing_ok=True)
    _git(folder, "read-tree", "--reset", commit)  # the index alone
    tracked = _without_results(_git(folder, "ls-files", "-z"))
    _git(folder, "checkout-index", "--force", "--stdin", "-z", stdin="\0".join(tracked))
    _git(folder, "update-ref", "--no-deref", "HEAD", commit)  # last: stopped before, it starts from the old commit


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`base` with `changes` laid over it, mapping by mapping; a list or a value replaces the whole.

    Example:
        >>> merged({"a": {"b": 1, "c": [1, 2]}}, {"a": {"c": [3]}})
        {'a': {'b': 1, 'c': [3]}}
    """
    for name, value in changes.items():
        both = isinstance(value, dict) and isinstance(base.get(name), dict)
        base[name] = merged(base[name], value) if both else value
    return base


def lay_over(params: Path, changes: dict[str, Any]) -> None:
    """Lay `changes` over a file of parameters, comments kept; `resolve` finds the typos in them."""
    round_trip = YAML()
    content = merged(round_trip.load(params), changes)
    with replacing(params) as temporary, temporary.open("w", encoding="utf-8") as stream:
        round_trip.dump(content, stream)


def execute(folder: Path, jobs: int, store: Path) -> None:
    """Run the stages in the folder as `make repro` does here, with the trainings of this project's store.

    Raises:
        StudyError: If they stop; why is printed by then.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PYTHON"))}
    command = [sys.executable, "-m", "pipeline.repro", "--jobs", str(jobs)]
    with subprocess.Popen(command, cwd=folder, env=kept | {"EHRGEN_STORE": str(store)}) as running:
        while running.poll() is None:
            with suppress(KeyboardInterrupt):  # it gets the Ctrl-C too, and ends when DVC has written down its state
                running.wait()
    if running.returncode:
        raise StudyError(f"the study is not finished; the same command goes on where it was ({folder})")


def collect(folder: Path, target: Path) -> list[Path]:
    """Copy the reports of a finished study that are fit to be committed; returns where they are now.

    Raises:
        StudyError: If one is not there.
    """
    missing = [name for name in REPORTS if not (folder / "reports" / name).is_file()]
    if missing:
        raise StudyError(f"{folder / 'reports'}: {', '.join(missing)} missing: the study is not finished; run it again")
    for name in REPORTS:
        with replacing(target / name) as temporary:
            shutil.copyfile(folder / "reports" / name, temporary)
    return [target / name for name in REPORTS]


def _without_results(listed: str) -> list[str]:
    return [path for path in listed.split("\0") if path and not path.startswith(RESULTS)]


def _git(folder: Path, *arguments: str, stdin: str | None = None) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, input=stdin).stdout


if __name__ == "__main__":
    main()
