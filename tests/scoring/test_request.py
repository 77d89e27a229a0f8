from pathlib import Path

import pytest

from ehrgen.scoring.request import Request, RequestError, named

ALWAYS = ["--real", "r.csv", "--out", "absent"]


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    """What the requests name."""
    monkeypatch.chdir(tmp_path)
    for path in ("r.csv", "a.csv", "a/b.csv", "b/a.parquet", "made/mimic3/PATIENTS.csv"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text("")


def test_what_is_asked_for():
    request = Request.parse([*ALWAYS, "--synthetic", "halo=a/b.csv", "-s", "made/mimic3", "--level", "category"])
    assert request.synthetic == {"halo": Path("a/b.csv"), "made": Path("made/mimic3")}
    assert (request.train, request.patients, request.level, request.quick) == (None, 3000, "category", False)


@pytest.mark.parametrize(
    "path, name",
    [("a/b.csv.gz", "b"), ("generated/meds", "generated"), ("samples/multitask/0", "multitask"), ("x/data/", "x")],
)
def test_a_set_without_a_name_is_called_after_what_says_whose_it_is(path, name):
    assert list(named([path])) == [name]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["-s", "a.csv", "-s", "b/a.parquet"], "'a' is two sets of this name; write --synthetic NAME=PATH"),
        (["-s", "floor=a.csv"], "'floor' is a name of the references"),
        (["-s", "my set=a.csv"], "'my set' is no name of letters"),
        (["-s", "a.csv", "--patients", "3"], "at least 10 patients"),
        (["-s", "a.csv", "--out", "."], "--out .: exists"),
        (["-s", "a.csv", "--train", "t.csv"], "--train t.csv: no such file or folder"),
        (["-s", "x=b.csv"], "--synthetic b.csv: no such file or folder"),
    ],
)
def test_what_cannot_be_met_is_said_at_once(arguments, message):
    with pytest.raises(RequestError, match=message):
        Request.parse([*ALWAYS, *arguments])
