import sys
from pathlib import Path

import pytest

from benchmarks import usage


def ran(program: str, folder: Path) -> usage.Usage:
    return usage.of([sys.executable, "-c", program], folder)


def test_memory_and_time_are_those_of_the_command_alone(tmp_path: Path):
    """This process holds far more than a bare Python."""
    bare = ran("", tmp_path)
    large = ran("held = b'1' * 200_000_000", tmp_path)
    slow = ran("import time; time.sleep(0.5)", tmp_path)
    assert bare.peak < 0.05 and large.peak - bare.peak == pytest.approx(0.2, rel=0.1)
    assert slow.seconds > 0.5 and slow.cpu < 0.5


def test_what_a_command_starts_counts_too(tmp_path: Path):
    held = "held = b'1' * 200_000_000"
    assert ran(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {held!r}])", tmp_path).peak > 0.2


def test_it_runs_in_its_folder_and_a_failure_shows_what_was_printed(tmp_path: Path):
    ran("open('here', 'w').close()", tmp_path)
    assert (tmp_path / "here").exists()
    with pytest.raises(RuntimeError, match=r"exited with 3\nthe reason"):
        ran("import sys; print('the reason'); sys.exit(3)", tmp_path)
