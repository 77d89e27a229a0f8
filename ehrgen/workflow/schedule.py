"""A run from patients to reports: what all cells wait for, the cells side by side, then what is left."""

import signal
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType

from ehrgen.metrics.table.scores import Scores, ScoresError
from ehrgen.metrics.table.suite import METRICS
from ehrgen.workflow.call import Calls
from ehrgen.workflow.plan import FIRST, OTHER, Plan, Task
from ehrgen.workflow.progress import NOISE, STAGE, Progress, minutes

HEADLINES = [name for name, metric in METRICS.items() if metric.headline]

Beside = Callable[[], AbstractContextManager[None]]
Stored = Callable[[list[tuple[str, int]]], set[tuple[str, int]]]


def execute(jobs: int, stored: Stored, beside: Beside = nullcontext) -> None:
    """Run what is not up to date in the current folder, saying what and how long.

    Args:
        jobs: Cells of variant and seed that run at a time.
        stored: Of trainings, by variant and seed, those that are in the store.
        beside: What is there as long as cells run.

    Raises:
        CallError: If a stage fails; what runs beside it comes to its end, no further one is begun.
    """
    calls, began = Calls(), time.monotonic()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    together(calls, 1, [partial(calls.run, "first", ["repro", *FIRST], Echo())])
    plan = Plan.of()
    if not plan.todo:
        print(f"nothing to run: all {plan.stages} stages are up to date", flush=True)
        return
    trainings = plan.trainings()
    known = stored(trainings) if trainings else set()
    tasks = plan.tasks(known)
    print(told(plan, tasks, len(trainings), len(known), jobs), flush=True)
    progress = Progress({task.name: task.seconds for task in tasks}, jobs)
    with beside():
        together(calls, jobs, [partial(_cell, calls, task, progress) for task in tasks])
    together(calls, 1, [partial(calls.run, "last", ["repro"], Echo())])
    print(f"done in {minutes(time.monotonic() - began)}: reports/ablation.md, reports/report.html", flush=True)


def together(calls: Calls, jobs: int, actions: Iterable[Callable[[], None]]) -> None:
    """Run actions, which call DVC, `jobs` at a time. On Ctrl-C their stages are stopped, and no further one begins.

    Raises:
        CallError: Of the first that fails; what runs beside it comes to its end, no further one is begun.
    """
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        running = [pool.submit(action) for action in actions]
        try:
            ended = wait(running, return_when=FIRST_EXCEPTION)
            pool.shutdown(wait=False, cancel_futures=True)
            if any(not future.cancelled() for future in ended.not_done):
                print("a stage failed; those that run beside it come to their end", flush=True)
            for future in running:
                if not future.cancelled():
                    future.result()
        except KeyboardInterrupt:
            print("\nstopping: the stages end, and DVC writes down what is finished", flush=True)
            pool.shutdown(wait=False, cancel_futures=True)
            calls.stop()
            raise


def _cell(calls: Calls, task: Task, progress: Progress) -> None:
    began = time.monotonic()
    calls.run(task.name, ["repro", "--single-item", *task.targets], lambda line: progress.heard(task, line))
    progress.finished(task, time.monotonic() - began, headline(task))


def told(plan: Plan, tasks: Iterable[Task], trainings: int, stored: int, jobs: int) -> str:
    """What there is to do, in a line.

    Example:
        >>> tasks = [Task("a 0", ("train@a-0",), 300.0), Task("a 1", ("train@a-1",), 12.0)]
        >>> told(Plan(9, frozenset({"train@a-0", "train@a-1", "compare"})), tasks, 2, 1, 2)
        '3 of 9 stages to run, 2 of them trainings (1 in the store already): about 3 min, 2 at a time'
    """
    tasks = list(tasks)
    kept = f" ({stored} in the store already)" if stored else ""
    others = len(plan.todo) - sum(len(task.stages) for task in tasks)
    seconds = sum(task.seconds for task in tasks) / jobs + OTHER * others
    return (
        f"{len(plan.todo)} of {plan.stages} stages to run, {trainings} of them trainings{kept}: "
        f"about {minutes(seconds)}, {jobs} at a time"
    )


def headline(task: Task) -> str:
    """The first headline measure that a finished cell has a value of; nothing of the reference generators."""
    if task.cell is None:
        return ""
    variant, seed = task.cell
    try:
        scores = Scores.load(Path("reports/runs") / variant / f"{seed}.json")
    except (OSError, ScoresError):
        return "not measured"
    name = next((name for name in HEADLINES if name in scores.metrics), "")
    return f"{name} {scores.metrics[name]:g}" if name else f"{HEADLINES[0]} not judged"


@dataclass
class Echo:
    """Prints which stage runs and what it says, without what DVC says beside."""

    begun: bool = False

    def __call__(self, line: str) -> None:
        if found := STAGE.match(line):
            self.begun = True
            print(f"{found['stage']} ...", flush=True)
        elif self.begun and not NOISE.match(line):
            print(f"  {line}", flush=True)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
