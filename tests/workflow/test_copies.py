"""Stages that begin as copies: they end as stages by themselves do, and no copy outlives its stage."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ehrgen.core import standby
from tests.support.sandbox import ROOT, environment

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="stages are copied under Linux alone")

STAGE = """\
import os, sys, time
from ehrgen.core.command import run

def main():
    print(sys.argv[1:], os.environ["SAID"], os.getpid(), flush=True)
    print("to the other stream", file=sys.stderr)
    time.sleep(float(sys.argv[1]))
    if sys.argv[2] == "fails":
        raise MemoryError
    sys.exit(int(sys.argv[2]))

if __name__ == "__main__":
    run(main)
"""
SERVER = """\
from pathlib import Path
from ehrgen.workflow.copies import serve
serve(Path("ready"), lambda: None)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of one stage, `sample`, changed last a while ago."""
    (tmp_path / "pipeline").mkdir()
    shutil.copy(ROOT / "pipeline/__init__.py", tmp_path / "pipeline/__init__.py")
    (tmp_path / "pipeline/sample.py").write_text(STAGE, encoding="utf-8")
    (tmp_path / "ehrgen").symlink_to(ROOT / "ehrgen")
    for path in (tmp_path / "pipeline").iterdir():
        os.utime(path, (1.0, 1.0))
    return tmp_path


@pytest.fixture
def standing_by(project: Path) -> Iterator[Path]:
    """The project, with an interpreter that its stage is copied from."""
    with subprocess.Popen([sys.executable, "-c", SERVER], cwd=project, stdin=subprocess.PIPE) as server:
        while not (project / "ready").exists():
            assert server.poll() is None
            time.sleep(0.02)
        yield project
        assert server.stdin is not None
        server.stdin.close()
        assert server.wait(20) == 0 and not (project / "ready").exists()


def begun(project: Path, *arguments: str, **changed: str) -> tuple[subprocess.Popen[str], int]:
    """A stage that has begun, and the process that does its work."""
    stage = subprocess.Popen(
        [sys.executable, "-m", "pipeline.sample", *arguments],
        cwd=project,
        env=environment(project) | {standby.ADDRESS: "ready", "SAID": "so"} | changed,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert stage.stdout is not None
    *said, process = stage.stdout.readline().split()
    assert said == [*str(list(arguments)).split(), "so"]
    return stage, int(process)


@pytest.mark.parametrize(("asked", "status"), [("0", 0), ("3", 3), ("fails", 1)])
def test_a_copy_ends_as_the_stage_would(standing_by: Path, asked: str, status: int):
    stage, process = begun(standing_by, "0", asked)
    _, error = stage.communicate(timeout=20)
    assert process != stage.pid and stage.returncode == status
    assert error.startswith("to the other stream\n") and ("error: out of memory" in error) == (asked == "fails")


def test_ctrl_c_reaches_the_copy(standing_by: Path):
    stage, _ = begun(standing_by, "60", "0")
    stage.send_signal(signal.SIGINT)
    assert "stopped; the same command goes on where it was" in stage.communicate(timeout=20)[1]
    assert stage.returncode == 128 + signal.SIGINT


@pytest.mark.parametrize("who", ["stage", "copy"])
def test_neither_stage_nor_copy_outlives_the_other(standing_by: Path, who: str):
    stage, process = begun(standing_by, "60", "0")
    copy = psutil.Process(process)
    os.kill(stage.pid if who == "stage" else process, signal.SIGKILL)
    stage.communicate(timeout=20)
    assert stage.returncode == (-signal.SIGKILL if who == "stage" else standby.KILLED)
    deadline = time.monotonic() + 20
    while copy.is_running() and copy.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_changed_code_is_never_run_from_memory(standing_by: Path):
    path = standing_by / "pipeline/sample.py"
    path.write_text(STAGE.replace("to the other stream", "anew"), encoding="utf-8")
    stage, process = begun(standing_by, "0", "0")
    assert stage.communicate(timeout=20)[1] == "anew\n" and process == stage.pid


def test_a_stage_in_several_processes_does_its_own_work(standing_by: Path):
    stage, process = begun(standing_by, "0", "0", EHRGEN_PROCESSES="2")
    stage.communicate(timeout=20)
    assert process == stage.pid and stage.returncode == 0


def test_where_none_stands_by_the_stage_does_its_own_work(project: Path):
    stage, process = begun(project, "0", "3")
    stage.communicate(timeout=20)
    assert process == stage.pid and stage.returncode == 3
