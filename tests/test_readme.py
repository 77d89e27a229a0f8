"""What the documents tell the reader to type exists: targets, modules, options, stages, parameters, files."""

import importlib.util
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from itertools import dropwhile
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from tests.support.cohorts import cohort
from tests.support.sandbox import ROOT
from tests.support.sequences import tiny
from tests.support.training import batch_of, untrained

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("[a-z]*.md"))]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
CHECKED = ("make", "dvc", "python", "pytest", "accelerate")
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
VALUE = re.compile(r"[A-Z_]+=")
SEPARATORS = ("&&", "&", "|", ";")
FREELY = ("git", "wait")


def blocks(text: str, language: str = "") -> list[str]:
    """The fenced blocks of a language; none is named where the reader is to type."""
    return [content for name, content in FENCED.findall(text) if name == language]


def commands(text: str) -> Iterator[list[str]]:
    """The words of every command in a block without a language, or in backticks; `NAME=value` before it left out.

    A block is taken for commands where it begins with one, or with a value for one.
    """
    typed = [block for block in blocks(text) if block.split()[0] in (*CHECKED, *FREELY) or VALUE.match(block)]
    lines = [line for block in typed for line in block.splitlines()]
    lines += [
        found for found in re.findall(r"`([^`\n]+ [^`\n]+)`", FENCED.sub("", text)) if found.split()[0] in CHECKED
    ]
    for line in lines:
        words = shlex.split(line.replace(";", " ; "), comments=True)
        while words:
            end = next((at for at, word in enumerate(words) if word in SEPARATORS), len(words))
            own = list(dropwhile(VALUE.match, words[:end]))
            words = words[end + 1 :]
            if own:
                yield own


EVERY = [(path.name, command) for path in DOCUMENTS for command in commands(path.read_text(encoding="utf-8"))]


def of(program: str) -> list:
    return [
        pytest.param(words, id=f"{name}: {' '.join(words)}")
        for name, words in dict.fromkeys((name, tuple(words)) for name, words in EVERY)
        if words[0] == program
    ]


def test_every_command_is_of_a_program_that_is_checked_or_may_go_freely():
    assert len(EVERY) > 40
    assert {words[0] for _, words in EVERY} <= {*CHECKED, *FREELY}


@pytest.mark.parametrize("words", of("make"))
def test_make(words: tuple[str, ...]):
    targets = [word for word in words[1:] if "=" not in word]
    assert targets and all(re.search(rf"^{target}:", MAKEFILE, re.MULTILINE) for target in targets)
    names = [word.partition("=")[0] for word in words[1:] if "=" in word]
    assert all(re.search(rf"^{name} \?=", MAKEFILE, re.MULTILINE) for name in names)


@pytest.mark.parametrize("words", of("dvc"))
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of DVC's own
def test_dvc(words: tuple[str, ...]):
    from dvc.cli.parser import get_main_parser

    asked = get_main_parser().parse_args(words[1:])  # raises where DVC does not know an option
    if asked.cmd in ("repro", "commit"):
        assert {target.partition("@")[0] for target in asked.targets} <= {*STAGES}
    for change in getattr(asked, "set_param", None) or []:
        check_parameter(change, [one.partition("=")[0] for one in asked.set_param])


def check_parameter(change: str, together: list[str]) -> None:
    """KEY=VALUE names a parameter that there is, +KEY=VALUE one that there is not, and only known variants run."""
    key, _, value = change.removeprefix("+").partition("=")
    place, *rest = PARAMS, *key.split(".")
    for part in rest[:-1]:
        place = place[part]
    assert (rest[-1] in place) != change.startswith("+"), change
    if key == "ablation.run":
        known = {*PARAMS["variants"], *(one.removeprefix("+variants.") for one in together)}
        assert set(yaml.safe_load(value)) <= known


@pytest.mark.parametrize("words", of("python"))
def test_python(words: tuple[str, ...]):
    assert words[1] == "-m"
    source = (ROOT / f"{words[2].replace('.', '/')}.py").read_text(encoding="utf-8")
    assert '__name__ == "__main__"' in source
    if words[2] == "scripts.study":
        assert (ROOT / "studies" / words[3] / "params.yaml").exists()


@pytest.mark.slow
@pytest.mark.parametrize("words", [one for one in of("python") if any(word.startswith("--") for word in one.values[0])])
def test_options_of_python(words: tuple[str, ...]):
    done = subprocess.run([sys.executable, *words[1:3], "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for option in words[3:]:
        if option.startswith("--"):
            assert re.search(rf"^ +{option}\b", done.stdout, re.MULTILINE), option


@pytest.mark.parametrize("words", of("accelerate"))
def test_accelerate(words: tuple[str, ...]):
    from accelerate.commands.launch import launch_command_parser

    if "-m" not in words:
        words = (*words, "-m", "pipeline.train")
    asked = launch_command_parser().parse_args(words[2:])
    assert words[1] == "launch" and (ROOT / f"{asked.training_script.replace('.', '/')}.py").exists()


@pytest.mark.parametrize("words", of("pytest"))
def test_pytest(words: tuple[str, ...]):
    assert (ROOT / words[1]).exists()


@pytest.mark.parametrize("path", [*DOCUMENTS, ROOT / "CHANGELOG.md"], ids=lambda path: path.name)
def test_links_lead_to_files(path: Path):
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


OBJECTIVE = """\
from jaxtyping import Float
from torch import Tensor
from ehrgen.learning.batches import Batch
from ehrgen.learning.model.output import Output
"""
METRIC = """\
from ehrgen.data.cohort import Cohort
from ehrgen.metrics.cohorts import incidence
from ehrgen.metrics.table.suite import Metric
"""


def imported(source: str, folder: Path) -> ModuleType:
    """A module of that source."""
    (folder / "snippet.py").write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("snippet", folder / "snippet.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_snippets_run(tmp_path: Path):
    """An objective and a metric, as docs/extending.md adds them."""
    objective, metric = blocks((ROOT / "docs/extending.md").read_text(encoding="utf-8"), "python")
    batch = batch_of(tiny(), [0, 1, 2])
    assert 0 < imported(OBJECTIVE + objective, tmp_path).certainty(untrained()(batch), batch).item() < 1
    entry, _, function = metric.partition("\n\n")
    module = imported(f"{METRIC}ENTRY = {{{entry}}}\n{function}", tmp_path)
    assert module.ENTRY["single_visits"].family == "lengths"
    assert module.single_visits(cohort([["486"]]), cohort([["486"], ["486", "4019"]])) == 0.5
