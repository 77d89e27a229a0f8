import sys

import pytest

from ehrgen.core.command import cell, run
from ehrgen.core.params import ParamsError
from ehrgen.data.cohort import CohortError


def raising(error: Exception):
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
