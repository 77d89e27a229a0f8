"""The commands that docs/scaling.md prints for a Slurm array, on a real Slurm of one node and a tiny cohort.

Skipped where Debian's slurm-wlm and munge are not installed.
"""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.support.sandbox import ROOT, Sandbox, environment
from tests.support.slurm import MISSING, Shell, SlurmError, blocks, cluster, follow

LOG = ROOT / "docs/slurm.log"
needs_slurm = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
ABANDONED = """\
import subprocess, time
from tests.support.slurm import cluster
with cluster() as own:
    subprocess.run(["sbatch", "--wrap=sleep 600", "--output=/dev/null"], env=own, check=True)
    time.sleep(600)
"""


def test_the_log_in_the_docs_is_of_the_commands_in_the_docs():
    log = LOG.read_text(encoding="utf-8")
    prepare, script, submit, finish = blocks()
    assert script in log
    for line in f"{prepare}{submit}{finish}".splitlines():
        assert f"\n$ {line}\n" in log
    assert re.search(r"\n\d+ of \d+ stages to run, 2 of them trainings \(2 in the store already\): about ", log)
    assert not re.search(r"/(tmp|home|root|work)\b", log)


def test_the_script_is_sound(tmp_path: Path):
    script = tmp_path / "train.sh"
    script.write_text(blocks()[1])
    subprocess.run([Path(sys.executable).parent / "shellcheck", "--exclude=SC1091", script], check=True)


@needs_slurm
@pytest.mark.dvc
@pytest.mark.slow
def test_two_tasks_train_and_make_repro_takes_both_from_the_store(tmp_path: Path):
    with cluster() as own:
        shell = Shell.make(tmp_path, own)
        said = follow(shell)
    assert " 2 of them trainings (2 in the store already): " in said and "\ndone in " in said
    assert shell.log().count("Running stage 'train@") == 2
    stored = sorted(shell.shared.glob("ehrgen-store/*/result/manifest"))
    assert len(stored) == 2
    tasks_ended = max(path.stat().st_mtime for path in shell.clone.folder.glob("slurm-*.out"))
    assert all(path.stat().st_mtime < tasks_ended for path in stored), "none was trained by make repro"
    published = shell.clone.folder.glob("reports/manifests/*/0.json")
    assert sorted(path.read_text() for path in published) == sorted(path.read_text() for path in stored)
    assert not list(tmp_path.glob("tmp/*/dvc.yaml")), "a task leaves no clone behind"


@needs_slurm
@pytest.mark.slow
def test_whoever_starts_a_cluster_may_be_killed_and_nothing_of_it_stays():
    starter = subprocess.Popen([sys.executable, "-c", ABANDONED], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert starter.stdout.readline().startswith("Submitted")
        begun = psutil.Process(starter.pid)
        until, own = time.monotonic() + 60, []
        while not {"munged", "slurmctld", "slurmd", "slurmstepd", "sleep"} <= {process.name() for process in own}:
            assert time.monotonic() < until
            time.sleep(0.2)
            own = begun.children(recursive=True)
    finally:
        starter.send_signal(signal.SIGKILL)
        starter.communicate()
    gone, left = psutil.wait_procs(own, timeout=60)
    assert not left and len(gone) > 5


@needs_slurm
@pytest.mark.slow
def test_a_command_that_fails_is_quoted_and_the_cluster_ends(tmp_path: Path):
    with pytest.raises(SlurmError, match=r"(?s)exited with 1\n.*invalid partition"), cluster() as own:
        before = psutil.Process().children(recursive=True)
        Shell(Sandbox(tmp_path), tmp_path, environment(tmp_path) | own).types("sbatch --partition=none --wrap=true")
    assert len(before) > 3 and not [process for process in before if process.is_running()]
