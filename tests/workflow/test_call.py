from pathlib import Path

import pytest

from ehrgen.workflow.call import environment, reason

LOG = Path("a.log")
DVC = "ERROR: failed to reproduce 'train@a-0': failed to run: python -m pipeline.train a 0, exited with 1"


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["error: x: too few; y", DVC], "train@a-0: x: too few; y"),
        (["error: x: too few; y"], "x: too few; y"),
        ([DVC], DVC.removeprefix("ERROR: ")),
        (["'./dvc.yaml' validation failed.", "", "  3 a:"], "'./dvc.yaml' validation failed.   3 a:"),
        (
            ["Traceback (most recent call last):", "  File x", "KeyError: 'a'", DVC],
            "train@a-0: a defect of the program: KeyError: 'a'; the whole is in a.log",
        ),
        ([], "DVC ended without a word; see a.log"),
    ],
)
def test_a_failure_is_told_in_the_words_of_whom_it_befell(lines: list[str], told: str):
    assert reason(lines, LOG) == told


def test_stages_run_with_this_python_and_no_other_repository(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GIT_DIR", "elsewhere")
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "a")
    found = environment()
    assert "GIT_DIR" not in found and "PYTHONPATH" not in found and found["GIT_AUTHOR_NAME"] == "a"
