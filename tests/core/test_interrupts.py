"""Ctrl-C while a program loads, when it has begun, and where it is not heeded."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ehrgen.core import interrupts
from tests.support.sandbox import ROOT

PROGRAM = """\
import pathlib, time
from ehrgen.core.command import run
{loading}
def main():
    {running}
run(main)
"""
SLEEPS = "pathlib.Path('begun').touch(); time.sleep(60)"


def started(folder: Path, before=None, **parts: str) -> subprocess.Popen[str]:
    """`python -m` of a program in a package that begins as `pipeline` does, once it sleeps."""
    (folder / "package").mkdir()
    (folder / "package/__init__.py").write_text("from ehrgen.core import interrupts\ninterrupts.end_at_once()\n")
    (folder / "package/program.py").write_text(PROGRAM.format(**parts))
    running = subprocess.Popen(
        [sys.executable, "-m", "package.program"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=before,
    )
    while not (folder / "begun").exists():
        time.sleep(0.05)
        assert running.poll() is None
    return running


@pytest.mark.parametrize("parts", [{"loading": SLEEPS, "running": "pass"}, {"loading": "", "running": SLEEPS}])
def test_one_line_whenever_it_comes(parts: dict[str, str], tmp_path: Path):
    running = started(tmp_path, **parts)
    running.send_signal(signal.SIGINT)
    assert running.communicate(timeout=30)[0] == f"{interrupts.STOPPED}\n"
    assert running.returncode == 130


def test_who_was_told_to_ignore_it_does(tmp_path: Path):
    """As `nohup` and a shell's `&` do."""
    ignore = lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)  # noqa: E731
    running = started(tmp_path, ignore, loading=SLEEPS.replace("60", "1"), running="print('done')")
    running.send_signal(signal.SIGINT)
    assert running.communicate(timeout=30)[0] == "done\n" and running.returncode == 0


def test_who_imports_the_package_keeps_its_own(monkeypatch: pytest.MonkeyPatch):
    before = signal.getsignal(signal.SIGINT)
    interrupts.end_at_once()
    assert signal.getsignal(signal.SIGINT) is before
