import errno
import sys

import pytest

from ehrgen.core.command import cell, run
from ehrgen.core.params import ParamsError
from ehrgen.data.cohort import CohortError


def raising(error: BaseException):
    def main() -> None:
        raise error

    return main


def test_an_error_of_ours_is_one_line_and_status_1(capsys):
    with pytest.raises(SystemExit) as end:
        run(raising(CohortError("two\nlines")))
    assert end.value.code == 1
    assert capsys.readouterr().err == "error: two lines\n"


def test_a_defect_of_the_program_keeps_its_traceback():
    with pytest.raises(ValueError, match="not ours"):
        run(raising(ValueError("not ours")))


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.ENOSPC, "x", "a/b"), "error: a/b: No space left on device; free some space, then run again\n"),
        (OSError(errno.EROFS, "x", b"a"), "error: a: Read-only file system; make it writable, or run where you may"),
        (PermissionError(errno.EACCES, "x", "a"), "error: a: Permission denied; change its permissions, or run where"),
        (FileNotFoundError(errno.ENOENT, "x", "a"), "error: a: No such file or directory; run `dvc repro`, which"),
        (OSError(errno.ENOSPC, "x"), "error: No space left on device; free some space"),
        (MemoryError(), "error: out of memory; free some, run fewer JOBS"),
    ],
)
def test_what_the_system_refuses_is_one_line_with_file_and_remedy(error, line, capsys, monkeypatch):
    with pytest.raises(SystemExit) as end:
        run(raising(error))
    printed = capsys.readouterr().err
    assert end.value.code == 1 and printed.startswith(line.rstrip()) and printed.count("\n") == 1
    monkeypatch.setenv("EHRGEN_TRACEBACK", "1")
    with pytest.raises(SystemExit):
        run(raising(error))
    assert "Traceback (most recent call last)" in capsys.readouterr().err


@pytest.mark.parametrize("error", [OSError("made up"), FileNotFoundError("nothing was written"), KeyError("a")])
def test_an_error_without_a_word_of_the_system_is_a_defect(error):
    with pytest.raises(type(error)):
        run(raising(error))


def test_ctrl_c_is_one_line(capsys):
    with pytest.raises(SystemExit) as end:
        run(raising(KeyboardInterrupt()))
    assert end.value.code == 130
    assert capsys.readouterr().err == "stopped; the same command goes on where it was\n"


def test_a_stage_that_ends_well_ends_quietly(capsys):
    run(lambda: None)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("arguments", [[], ["base"], ["base", "one"], ["base", "-1"], ["base", "0", "0"]])
def test_a_cell_is_a_variant_and_a_seed(arguments, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/somewhere/train.py", *arguments])
    with pytest.raises(ParamsError, match=r"usage: python -m pipeline\.train VARIANT SEED; got "):
        cell()
    monkeypatch.setattr(sys, "argv", ["train.py", "base", "7"])
    assert cell() == ("base", 7)
