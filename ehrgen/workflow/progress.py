"""What a run prints: a line for every finished task, and, on a terminal, one that says what runs now."""

import re
import shutil
import sys
from dataclasses import dataclass, field
from threading import Lock

from ehrgen.workflow.plan import Task

STAGE = re.compile(r"Running stage '(?P<stage>[^']+)'")
EPOCH = re.compile(r"epoch (?P<number>\d+): ")
NOISE = re.compile(  # what DVC says beside what matters, and errors, which are told at the end
    r"\s*$|> |Updating lock file|Generating lock file|Use `dvc push`|Data and pipelines are up to date|"
    r"Stage '.*' (didn't change, skipping|is cached)|To (track|enable) |\s+git add |"
    r"WARNING: No file hash info found|(ERROR|error): "
)


def minutes(seconds: float) -> str:
    """A time as one says it.

    Example:
        >>> minutes(8), minutes(130), minutes(9000)
        ('8 s', '2 min', '2 h 30 min')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    whole = round(seconds / 60)
    return f"{whole} min" if whole < 100 else f"{whole // 60} h {whole % 60} min"


@dataclass
class Progress:
    """Counts what is done and how long the rest takes, at the speed of what is done.

    Attributes:
        left: Tasks that are not finished, with the seconds they are expected to take.
        jobs: How many run at a time.
    """

    left: dict[str, float]
    jobs: int
    expected: float = 0.0
    took: float = 0.0
    done: int = 0
    now: dict[str, str] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def heard(self, task: Task, line: str) -> None:
        """Note what a task is doing; its warnings are printed as they come."""
        if line.startswith("warning: "):
            self.say(f"  {task.name}: {line}")
        elif found := STAGE.match(line) or EPOCH.match(line):
            values = found.groupdict()
            stage = values["stage"].partition("@")[0] if "stage" in values else f"epoch {values['number']}"
            with self.lock:
                self.now[task.name] = stage
            self.draw()

    def finished(self, task: Task, seconds: float, result: str) -> None:
        """Print the line of a task: its name, the measure that stands for it, its time, and how long the rest takes."""
        with self.lock:
            self.now.pop(task.name, None)
            self.expected += self.left.pop(task.name)
            self.took += seconds
            self.done += 1
            rest = (
                sum(self.left.values()) * self.took / max(self.expected, 1e-9) / max(min(self.jobs, len(self.left)), 1)
            )
            total = self.done + len(self.left)
        left = f"about {minutes(rest)} left" if self.left else "the reports are left"
        self.say(f"{task.name:28} {result:32} {minutes(seconds):>8}   {self.done} of {total}, {left}")

    def say(self, text: str) -> None:
        """Print a line, above the one that says what runs now."""
        with self.lock:
            clear = "\r\x1b[K" if sys.stdout.isatty() else ""
            print(f"{clear}{text}", flush=True)
        self.draw()

    def draw(self) -> None:
        """Renew the line that says what runs now, where there is a terminal."""
        if not sys.stdout.isatty():
            return
        with self.lock:
            running = ", ".join(f"{name} ({stage})" for name, stage in sorted(self.now.items()))
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\x1b[K{('now: ' + running)[:width] if running else ''}", end="", flush=True)
