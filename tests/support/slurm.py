"""The array of docs/scaling.md on a Slurm of its own on this machine: controller, one node of two processors, munge.

    python -m tests.support.slurm docs/slurm.log

runs the commands of that page on a tiny cohort and writes down what they said. Nothing of the system is configured: the
daemons run as whoever starts them, listen on 127.0.0.1 alone, keep their files in a temporary folder, and are ended
with every task of theirs.
"""

import getpass
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.sandbox import ROOT, Sandbox, environment
from tests.support.slurm_daemons import READY

PAGE = ROOT / "docs/scaling.md"
SYSTEM = f"{os.pathsep}/usr/sbin{os.pathsep}/sbin"
"""Where Debian has daemons; not everybody's PATH has it."""
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "sinfo", "make")
MISSING = [name for name in PROGRAMS if shutil.which(name, path=os.environ.get("PATH", "") + SYSTEM) is None]
PATIENCE = 600.0  # seconds; other work on the machine is no failure
CONFIGURATION = """\
ClusterName=ehrgen
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
NodeName=node1 NodeHostname={host} NodeAddr=127.0.0.1 Port={node} CPUs=2 State=UNKNOWN
PartitionName=all Nodes=node1 Default=YES MaxTime=60
"""


class SlurmError(RuntimeError):
    """The cluster or a task of it failed; what was said is in the message."""


@contextmanager
def cluster() -> Iterator[dict[str, str]]:
    """A running cluster; yields what its commands need in their environment.

    Raises:
        SlurmError: If it does not come up.
    """
    with tempfile.TemporaryDirectory(prefix="ehrgen-slurm-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        _configure(folder)
        own = {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": environment(folder)["PATH"] + SYSTEM}
        daemons = subprocess.Popen(
            [sys.executable, "-m", "tests.support.slurm_daemons", name],
            cwd=ROOT, env=environment(folder) | own, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        try:
            if daemons.stdout.readline().strip() != READY:
                raise SlurmError(daemons.stdout.read())
            yield own
        finally:
            daemons.stdin.close()
            daemons.wait(PATIENCE)
            daemons.stdout.close()


def _configure(folder: Path) -> None:
    for part in ("state", "spool"):
        (folder / part).mkdir()
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(128))
    with socket.socket() as one, socket.socket() as other:  # both held, or they might be the same
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        ports = {"controller": one.getsockname()[1], "node": other.getsockname()[1]}
    host, user = socket.gethostname().partition(".")[0], getpass.getuser()
    (folder / "slurm.conf").write_text(CONFIGURATION.format(folder=folder, host=host, user=user, **ports))


def blocks() -> list[str]:
    """The commands that the page prints for several machines, block by block."""
    section = PAGE.read_text(encoding="utf-8").partition("\n## Several machines\n")[2].partition("\n## ")[0]
    return re.findall(r"^```\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


@dataclass
class Shell:
    """In the first clone, as a user: what was typed and what was said, with the names of the page for its folders.

    Attributes:
        clone: The project, tiny, with an environment of its own that needs no installing.
        shared: What the page calls /shared.
        environment: Of the commands; temporary files go beside the clone.
    """

    clone: Sandbox
    shared: Path
    environment: dict[str, str]
    said: list[str] = field(default_factory=list)

    @classmethod
    def make(cls, folder: Path, cluster: dict[str, str]) -> "Shell":
        """In an empty folder."""
        clone = Sandbox.make(folder / "ehrgen")
        for part in Path(sys.prefix).iterdir():
            _linked(clone.folder / ".venv" / part.name, part)
        (clone.folder / ".venv/.installed").unlink(missing_ok=True)
        (clone.folder / ".venv/.installed").touch()  # newer than the lock, or `make` would install
        for name in ("shared", "tmp"):
            (folder / name).mkdir()
        own = {"TMPDIR": str(folder / "tmp"), "JOBS": "1"}
        return cls(clone, folder / "shared", environment(clone.folder) | cluster | own)

    def types(self, commands: str) -> str:
        """Run lines of shell; returns what they said.

        Raises:
            SlurmError: If one fails.
        """
        own = commands.replace("/shared/", f"{self.shared}/")
        done = subprocess.run(
            ["bash", "-ec", own], cwd=self.clone.folder, env=self.environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        said = done.stdout.replace(f"{self.shared}/", "/shared/")
        self.said += [*(f"$ {line}" for line in commands.splitlines()), said.rstrip("\n"), ""]
        if done.returncode:
            raise SlurmError(f"{commands} exited with {done.returncode}\n{said}")
        return said

    def waits(self) -> None:
        """Until no task runs or waits."""
        until = time.monotonic() + PATIENCE
        while subprocess.check_output(["squeue", "--noheader"], env=self.environment):
            if time.monotonic() > until:
                raise SlurmError(f"tasks still run after {PATIENCE:g} s\n{self.log()}")
            time.sleep(0.5)

    def log(self) -> str:
        """All so far."""
        return "\n".join(self.said)


def _linked(link: Path, target: Path) -> None:
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(target)


def follow(shell: Shell) -> str:
    """Do as the page says, to the end; returns what its last command said.

    Raises:
        SlurmError: If a command fails, or a task.
    """
    prepare, script, submit, finish = blocks()
    shell.types("sinfo --version && sinfo")
    shell.types(prepare)
    (shell.clone.folder / "train.sh").write_text(script.replace("/shared/", f"{shell.shared}/"))
    shell.types("cat train.sh")
    shell.types(submit)
    shell.types("sleep 4 && squeue --format='%.5F %.4K %.9P %.9j %.2t %.5M %.5D %R'")
    shell.waits()
    shell.types("tail -n +1 slurm-*.out")
    ended = shell.types(
        "scontrol --oneliner show job | sed -E 's/.*(ArrayTask[^ ]+).*(JobState[^ ]+).*(Run[^ ]+).*/\\1 \\2 \\3/'"
    )
    if ended.count("JobState=COMPLETED") != len(ended.splitlines()):
        raise SlurmError(f"a task failed\n{shell.log()}")
    return shell.types(finish)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="ehrgen-tasks-") as name, cluster() as own:
        shell = Shell.make(Path(name), own)
        try:
            follow(shell)
        finally:
            print(shell.log())
    Path(sys.argv[1]).write_text(shell.log(), encoding="utf-8")


if __name__ == "__main__":
    main()
