"""The project as it stands, in a temporary git clone and shrunk to seconds: for `make smoke` and tests."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ("reports/", "resolved.yaml", "dvc.lock")  # of the full run: they say nothing about the tiny one


@dataclass(frozen=True)
class Sandbox:
    """A folder with its own git history and DVC cache; commands run in it as a user would type them."""

    folder: Path

    @classmethod
    def make(cls, folder: Path, overrides: Path = ROOT / "tests/support/tiny.yaml") -> "Sandbox":
        """Copy what git tracks or would track, lay `overrides` over params.yaml, commit."""
        for name in _project_files():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
        _lay_over(folder / "params.yaml", YAML(typ="safe").load(overrides))
        sandbox = cls(folder)
        sandbox.run("git", "init", "--quiet", "--initial-branch=main")
        sandbox.commit("start")
        return sandbox

    def run(self, *command: str, check: bool = True, stream: bool = False) -> str:
        """What `command` printed (both streams); raises with all of it where it fails although it must not.

        Args:
            check: Require exit status 0; False requires any other.
            stream: Print while it runs and return nothing.
        """
        output = None if stream else subprocess.PIPE
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment(self.folder),
            text=True,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        if (done.returncode == 0) != check:
            raise RuntimeError(f"{' '.join(command)} exited with {done.returncode}\n{done.stdout or ''}")
        return done.stdout or ""

    def dvc(self, *arguments: str, check: bool = True) -> str:
        return self.run("dvc", *arguments, check=check)

    def commit(self, message: str) -> None:
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", message)

    def restore(self) -> None:
        """Back to the last commit: tracked files, DVC outputs, no experiments."""
        self.run("git", "reset", "--quiet", "--hard")
        self.run("git", "clean", "--quiet", "-d", "--force")
        self.dvc("checkout", "--quiet", "--force")


def _project_files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split("\0")  # fmt: skip
    return [name for name in listed if name and not name.startswith(RESULTS) and (ROOT / name).is_file()]


def _lay_over(params: Path, overrides: dict[str, Any]) -> None:
    round_trip = YAML()  # keeps the comments
    content = round_trip.load(params)
    for section, values in overrides.items():
        content[section].update(values)
    round_trip.dump(content, params)


def environment(folder: Path) -> dict[str, str]:
    """The caller's, without what would leak the caller's own repository, settings or Python into the copy."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "DVC_", "PYTHON", "EHRGEN_"))
    }
    return kept | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{who}_{what}": "ehrgen@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        "OMP_NUM_THREADS": "1",  # for matrices this small, a second thread only waits for the first
        "DVC_SITE_CACHE_DIR": str(folder.parent / "dvc-site"),
        "DVC_GLOBAL_CONFIG_DIR": str(folder.parent / "dvc-global"),
    }
