import errno
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ehrgen.core.files import TEMPORARY, copy, replacing, sweep, write_json


def test_a_file_appears_whole_and_nothing_else_stays(tmp_path):
    target = tmp_path / "new" / "report.json"
    with replacing(target) as temporary:
        temporary.write_text("{}")
        assert not target.exists() and temporary.name == target.name
    assert target.read_text() == "{}"
    assert [path.name for path in target.parent.iterdir()] == ["report.json"]


def test_an_error_leaves_the_old_file_and_no_rest(tmp_path):
    target = tmp_path / "report.json"
    target.write_text("old")
    with pytest.raises(RuntimeError), replacing(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_a_folder_replaces_a_folder_whole(tmp_path):
    target = tmp_path / "cohort"
    target.mkdir()
    (target / "old").write_text("old")
    with replacing(target) as temporary:
        temporary.mkdir()
        (temporary / "new").write_text("new")
    assert [path.name for path in target.iterdir()] == ["new"]


def test_an_error_leaves_the_old_folder(tmp_path):
    target = tmp_path / "cohort"
    target.mkdir()
    (target / "old").write_text("old")
    with pytest.raises(RuntimeError), replacing(target) as temporary:
        temporary.mkdir()
        raise RuntimeError
    assert [path.name for path in target.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [target]


def test_a_link_to_a_folder_is_replaced_not_followed(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    target: Path = tmp_path / "cohort"
    target.symlink_to(elsewhere)
    with replacing(target) as temporary:
        temporary.write_text("new")
    assert not target.is_symlink() and target.read_text() == "new" and elsewhere.is_dir()


def test_keeps_the_old_folder_when_nothing_new_was_written(tmp_path: Path) -> None:
    old = tmp_path / "out"
    old.mkdir()
    (old / "a.txt").write_text("kept")
    with pytest.raises(FileNotFoundError, match="nothing was written"), replacing(old):
        pass
    assert (old / "a.txt").read_text() == "kept"


def test_json_is_written_as_asked(tmp_path: Path):
    content = {"b": 1, "a": ["é", None]}
    write_json(content, tmp_path / "new" / "a.json")
    assert (tmp_path / "new" / "a.json").read_text() == '{\n  "b": 1,\n  "a": [\n    "\\u00e9",\n    null\n  ]\n}\n'
    write_json(content, tmp_path / "a.json", indent=None, sort_keys=True, end="")
    assert (tmp_path / "a.json").read_text() == '{"a": ["\\u00e9", null], "b": 1}'


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_nothing_infinite_is_written(tmp_path: Path, number: float):
    (tmp_path / "a.json").write_text("old")
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json({"a": number}, tmp_path / "a.json")
    assert (tmp_path / "a.json").read_text() == "old"


WRITER = """
import sys, time
from pathlib import Path
from ehrgen.core.files import replacing
with replacing(Path(sys.argv[1])) as fresh:
    fresh.write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_writes_is_not(tmp_path: Path):
    target = tmp_path / "a[1].json"
    with subprocess.Popen([sys.executable, "-c", WRITER, target], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None and writer.stdout.readline() == "writing\n"
        [holder] = tmp_path.iterdir()
        assert holder.name.startswith(".a[1].json.") and holder.name.endswith(TEMPORARY)
        assert sweep([holder]) == 0 and holder.exists()
        with replacing(target) as fresh:
            fresh.write_text("whole")
        assert holder.exists()
        os.kill(writer.pid, signal.SIGKILL)
    other = tmp_path / f".b.json.x{TEMPORARY}"
    other.mkdir()
    with replacing(target) as fresh:
        fresh.write_text("whole")
    assert not holder.exists() and other.exists(), "that of the same target"
    assert sweep(tmp_path.glob(f".*{TEMPORARY}")) == 1
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


def test_a_copy_is_whole_and_a_full_disk_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """shutil.copytree ends in a list of files instead, which says neither what nor why."""
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/c").write_bytes(b"\x00c")
    copy(tmp_path / "a", tmp_path / "z")
    copy(tmp_path / "a/b/c", tmp_path / "y")
    assert (tmp_path / "z/b/c").read_bytes() == (tmp_path / "y").read_bytes() == b"\x00c"

    def full(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(OSError, match="No space left on device") as error:
        copy(tmp_path / "a", tmp_path / "x")
    assert error.value.errno == errno.ENOSPC
