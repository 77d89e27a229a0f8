import pytest

from ehrgen.workflow.plan import REFERENCE, Plan, Task
from ehrgen.workflow.progress import NOISE, Progress

A, B = Task("a 0", ("train@a-0",), 30.0), Task("b 0", ("train@b-0",), 60.0)


def test_a_line_for_each_task_with_the_time_that_is_left(capsys: pytest.CaptureFixture[str]):
    progress = Progress({"a 0": 30.0, "b 0": 60.0}, jobs=2)
    progress.heard(A, "Running stage 'train@a-0':")
    progress.heard(A, "epoch 1: lm=5 (100.0%)")
    progress.heard(A, "warning: sex is constant")
    progress.finished(A, 15.0, "coverage 0.9")
    progress.finished(B, 20.0, "")
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "a 0: warning: sex is constant",
        "a 0 coverage 0.9 15 s 1 of 2, about 30 s left",  # twice as fast as expected, one job for the last one
        "b 0 20 s 2 of 2, the reports are left",
    ]


@pytest.mark.parametrize(
    ("line", "noise"),
    [
        ("Stage 'train@a-0' didn't change, skipping", True),
        ("> python -m pipeline.ingest", True),
        ("Updating lock file 'dvc.lock'", True),
        ("", True),
        ("ERROR: failed", True),
        ("dropped: 3 rows", False),
        ("warning: sex is constant", False),
    ],
)
def test_what_dvc_says_beside_is_left_out(line: str, noise: bool):
    assert bool(NOISE.match(line)) == noise


def test_tasks_are_cells_in_order_and_the_reference_generators():
    todo = {"evaluate@a_b-1", "train@a_b-1", "sample@a_b-1", "sample@c-0", "anchor", "compare"}
    plan = Plan(9, frozenset(todo))
    assert plan.trainings() == [("a_b", 1)]
    tasks = plan.tasks()
    assert [(task.name, task.stages) for task in tasks] == [
        ("a_b 1", ("train@a_b-1", "sample@a_b-1", "evaluate@a_b-1")),
        ("c 0", ("sample@c-0",)),
        (REFERENCE, ("anchor",)),
    ]
    assert [task.cell for task in tasks] == [("a_b", "1"), ("c", "0"), None]
    assert plan.tasks(stored=[("a_b", 1)])[0].seconds < tasks[0].seconds
