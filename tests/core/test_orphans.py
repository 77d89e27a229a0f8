"""A stage whose DVC was killed: the processes are real, DVC is played by one that does nothing but start it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ehrgen.core.files import write_text
from tests.support.sandbox import ROOT

STAGE = """
import sys, time
from pathlib import Path
from ehrgen.core.files import write_text
from ehrgen.core.orphans import OrphanError, own_files
folder = Path(sys.argv[1])
(folder / "ready").touch()
while not (folder / "go").exists():
    time.sleep(0.02)
with own_files():
    write_text("kept", folder / "store")
try:
    write_text("new", folder / "result")
    said = "published"
except OrphanError as error:
    said = str(error)
(folder / "said.tmp").write_text(said)
(folder / "said.tmp").rename(folder / "said")
"""
DVC = "import subprocess, sys; subprocess.run(sys.argv[1:])"
SHELL = ["sh", "-c", '"$@"; true', "sh"]  # one that stays between, as it has something to do afterwards


def until(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.02)


@pytest.mark.parametrize("between", [[], SHELL], ids=["alone", "shell"])
@pytest.mark.parametrize(
    ("killed", "stage", "said"),
    [
        (True, "train@a-0", "train@a-0: DVC, which started it, is gone; {folder}/result is left as it is: run dvc"),
        (False, "train@a-0", "published"),
        (True, None, "published"),  # started by hand: nobody else runs it
    ],
)
def test_what_no_dvc_waits_for_replaces_nothing(
    killed: bool, stage: str | None, said: str, between: list[str], tmp_path: Path
):
    (tmp_path / "result").write_text("newer")
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | ({"DVC_STAGE": stage} if stage else {})
    command = [*between, sys.executable, "-c", STAGE, str(tmp_path)]
    dvc = subprocess.Popen([sys.executable, "-c", DVC, *command], env=environment)
    try:
        until(tmp_path / "ready")
        if killed:
            dvc.send_signal(signal.SIGKILL)
            dvc.wait()
        (tmp_path / "go").touch()
        until(tmp_path / "said")
    finally:
        (tmp_path / "go").touch()
        dvc.wait()
    assert (tmp_path / "said").read_text().startswith(said.format(folder=tmp_path))
    assert (tmp_path / "result").read_text() == ("new" if said == "published" else "newer")
    assert (tmp_path / "store").read_text() == "kept"


def test_without_dvc_everything_is_written(tmp_path: Path):
    write_text("new", tmp_path / "result")
    assert (tmp_path / "result").read_text() == "new"
