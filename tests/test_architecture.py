"""The rules that keep the code readable and DVC honest, checked on the source itself."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline import train
from tests.support.sandbox import ROOT

FLOOR = {"", "core", "leakage", "variants"}  # what every room may import: configuration, files, the rule of a leak
MAY_IMPORT = {
    "data": set(),
    "learning": {"ehrgen.data"},
    "metrics": {"ehrgen.data"},
    "findings": {"ehrgen.metrics.table"},
    "scoring": {"ehrgen.data", "ehrgen.metrics", "ehrgen.findings"},
    "release": {"ehrgen.data", "ehrgen.learning", "ehrgen.findings", "ehrgen.metrics.table"},
    "workflow": {"ehrgen.metrics.table"},
}
IN_NO_SUBFOLDER = {  # files at the root of a room, and why they are there
    "core": {
        "arrays": "a floor of its own, without subfolders",
        "checksums": "a floor of its own, without subfolders",
        "command": "a floor of its own, without subfolders",
        "costs": "a floor of its own, without subfolders",
        "files": "a floor of its own, without subfolders",
        "interrupts": "a floor of its own, without subfolders",
        "lockfile": "a floor of its own, without subfolders",
        "orphans": "a floor of its own, without subfolders",
        "params": "a floor of its own, without subfolders",
        "parquet": "a floor of its own, without subfolders",
        "records": "a floor of its own, without subfolders",
        "standby": "a floor of its own, without subfolders",
    },
    "data": {
        "cohort": "the type that every subfolder makes or reads",
        "disclosure": "what may be published of patients, for readers, simulation and other rooms",
        "people": "tables of people to generate, for sample, generate and resolve",
        "indicator": "who has which code, as one matrix that sequences, simulation and the metrics count with",
        "settings": "the parameters of the whole room",
    },
    "learning": {
        "endpoints": "declared beside the objectives, but no code of a training: an edit judges anew",
        "pretrained": "what `resolve` asks of a checkpoint without torch, and model and training too",
        "batches": "what model, objectives, training and sampling hand to each other",
        "settings": "the parameters of the whole room",
    },
    "metrics": {
        "evaluation": "calls the families and fills the table: above every subfolder",
        "jackknife": "evaluates many times: above every subfolder",
        "portrait": "draws on the cohorts without being a metric",
        "settings": "the parameters of the whole room",
    },
    "scoring": {
        "judging": "one step from request to page",
        "markdown": "one step from request to page",
        "page": "one step from request to page",
        "progress": "one step from request to page",
        "request": "one step from request to page",
        "sides": "one step from request to page",
    },
    "release": {
        "card": "one step from request to files",
        "demographics": "one step from request to files",
        "extension": "one step from request to files",
        "meds": "one step from request to files",
        "mimic3_tables": "one step from request to files",
        "provenance": "one step from request to files",
        "request": "one step from request to files",
        "timeline": "one step from request to files",
    },
    "workflow": {
        "call": "one part of a run, used by the next",
        "copies": "one part of a run, used by the next",
        "forecast": "what `resolve` says of the run to come",
        "mend": "one part of a run, used by the next",
        "plan": "one part of a run, used by the next",
        "progress": "one part of a run, used by the next",
        "schedule": "one part of a run, used by the next",
    },
}
ONLY_LEARNING = {"torch", "transformers", "safetensors", "accelerate"}
NO_STAGE = {"__init__", "extend", "generate", "repro", "score", "standby", "stored"}
QUICK = ("resolve", "compare", "conclude", "report", "headline")
SLOW_TO_IMPORT = {"torch", "transformers", "pandas", "scipy.stats", "sklearn", "dvc"}
REMOVED_NOT_READ = {  # it prunes what is left of dropped variants and files, and says how long the last trainings took
    "resolve": {"reports/*", "data/source", "reports/manifests"}
}
NEED_NOT_READ = {
    "resolve": {"params.yaml"},  # as core.params.PARAMS
    "source": {"data/files.json"},  # for the order: a folder of patients is refused before DVC hashes it
    "ingest": {"data/source"},  # its hash stands for that of the files of patients
    "train": {"data/pretrained/*"},  # links: the files themselves are read where model.pretrained says
}

CODE = sorted(path for room in ("ehrgen", "pipeline") for path in (ROOT / room).rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in CODE}
EVERYTHING = [*CODE, *sorted((ROOT / "tests").rglob("*.py"))]
DEFINED = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
STAGES = {name: stage.get("do", stage) for name, stage in DEFINED.items()}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in CODE}


def imports(path: Path) -> set[str]:
    """Full names of what a file imports, lazily or not; of ours, the modules themselves."""
    found = set()
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; name the room instead"
            parts = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (parts & set(MODULES)) or {node.module}
    return found


def ours(path: Path) -> set[str]:
    return imports(path) & set(MODULES)


def closure(start: str) -> set[str]:
    """All our modules that importing `start` loads, itself included, without the empty packages."""
    seen, todo = set(), [start]
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += ours(MODULES[name])
    return {name for name in seen if MODULES[name].name != "__init__.py"}


def room(name: str) -> str:
    """`data` of `ehrgen.data.cohort`; `core` or `variants` for what belongs to no room."""
    return name.partition(".")[2].partition(".")[0]


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("ehrgen")])
def test_rooms_import_only_what_lies_below(name: str):
    own = room(name)
    allowed = MAY_IMPORT.get(own, set())
    for imported in ours(MODULES[name]):
        if room(imported) in FLOOR and own not in ("", "core"):
            continue
        fine = room(imported) == own or any(f"{imported}.".startswith(f"{top}.") for top in allowed)
        assert fine, f"{name} imports {imported}"
    outside = {other.split(".")[0] for other in imports(MODULES[name])}
    assert "pipeline" not in outside and "tests" not in outside
    if own != "learning":
        assert not outside & ONLY_LEARNING, f"{name} imports {outside & ONLY_LEARNING}: only learning may"


def test_stages_import_no_stage():
    for name, path in MODULES.items():
        if name.startswith("pipeline.") and path.stem not in NO_STAGE:
            assert not {other for other in ours(path) if other.startswith("pipeline")}, name


@pytest.mark.parametrize("level", [None, 3], ids=["files", "subfolders"])
def test_no_import_circle(level: int | None):
    assert not (found := circle(graph(level))), f"imports go in a circle: {' -> '.join(found)}"


def graph(level: int | None) -> dict[str, set[str]]:
    """Who imports whom, by file or, at level 3, by subfolder of a room: `ehrgen.data.icd9`."""
    edges: dict[str, set[str]] = {}
    for name, path in MODULES.items():
        own = ".".join(name.split(".")[:level])
        others = {".".join(other.split(".")[:level]) for other in ours(path)}
        edges.setdefault(own, set()).update(others - ({own} if level else set()))
    return edges


def circle(edges: dict[str, set[str]]) -> list[str]:
    """The first circle found, its first name repeated at the end; empty if there is none."""
    done: set[str] = set()

    def visit(name: str, above: list[str]) -> list[str]:
        if name in above:
            return [*above[above.index(name) :], name]
        if name not in done:
            for other in sorted(edges.get(name, ())):
                if found := visit(other, [*above, name]):
                    return found
            done.add(name)
        return []

    return next(filter(None, (visit(name, []) for name in edges)), [])


def test_circles_by_hand():
    assert circle({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]


def test_what_lies_in_no_subfolder_has_a_reason():
    found: dict[str, set[str]] = {}
    for path in (ROOT / "ehrgen").glob("*/*.py"):
        if path.stem != "__init__":
            found.setdefault(path.parent.name, set()).add(path.stem)
    assert found == {name: set(files) for name, files in IN_NO_SUBFOLDER.items()}
    assert {path.stem for path in (ROOT / "ehrgen").glob("*.py")} == {"__init__", "leakage", "variants"}


def test_the_store_keys_a_training_by_the_code_that_dvc_ties_it_to():
    """Else an edit would retrain what the store then answers with the old model, or the reverse."""
    declared = {path for path in STAGES["train"]["deps"] if path.startswith(("ehrgen/", "pipeline/"))}
    assert {path.as_posix() for path in train.CODE} == declared
    data = set(STAGES["train"]["deps"]) - declared - {"data/pretrained/${item.variant}"}  # its files are in the key
    assert {path.as_posix() for path in (train.SEQUENCES, train.COOCCURRENCE)} == data


@pytest.mark.parametrize("path", EVERYTHING, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_size(path: Path):
    text = path.read_text(encoding="utf-8")
    if path in TREES:
        lines, limit = len(text.splitlines()), 45 if path.parent.name == "pipeline" else 400
        assert lines <= limit, f"{lines} lines, {limit} at most: two ideas in one file?"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            lines = node.end_lineno - node.lineno + 1
            assert lines <= 50, f"{node.name} has {lines} lines, 50 at most"


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_module_says_what_it_is(path: Path):
    tree = TREES[path]
    assert ast.get_docstring(tree), "no docstring"
    assert not re.search(r"utils|helpers|common|misc", path.name), "a module is named after its one idea"
    if path.name == "__init__.py" and path.parent.name != "pipeline":  # that one sets the threads of every stage
        assert len(tree.body) == 1, "__init__.py holds a docstring and nothing else"


def forbidden(node: ast.AST) -> str:
    """What is unsafe or hidden about a piece of syntax; empty if nothing is."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
        if names & {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve"}:
            return "pickle and its kin run what they read"
        if getattr(node, "module", None) == "__future__":
            return "`from __future__` breaks checked shape types"
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func)
        if called in {
            "eval",
            "exec",
            "os.system",
            "torch.load",
            "torch.save",
            "yaml.load",
            "yaml.unsafe_load",
        }:
            return f"{called}(...)"
        for keyword in node.keywords:
            if keyword.arg in {"shell", "allow_pickle"} and ast.unparse(keyword.value) != "False":
                return f"{called}({keyword.arg}={ast.unparse(keyword.value)})"
        if called in {"np.load", "numpy.load"} and "allow_pickle" not in {one.arg for one in node.keywords}:
            return "np.load without allow_pickle=False"
        if re.fullmatch(r"(np|numpy)\.random\.(?!default_rng|Generator|SeedSequence)\w+", called):
            return f"{called}: randomness is an argument"
    if isinstance(node, ast.ExceptHandler) and node.type is None:
        return "bare except"
    return ""


@pytest.mark.parametrize("path", EVERYTHING, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_unsafe(path: Path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [f"line {node.lineno}: {forbidden(node)}" for node in ast.walk(tree) if forbidden(node)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "source",
    ["import pickle", "eval('1')", "torch.load(p)", "yaml.load(t)", "run('x', shell=True)", "np.load(p)"],
)
def test_the_check_of_unsafe_code_can_fail(source: str):
    assert any(forbidden(node) for node in ast.walk(ast.parse(source)))


def test_every_stage_is_a_file_and_the_reverse():
    assert {path.stem for path in (ROOT / "pipeline").glob("*.py")} - NO_STAGE == set(STAGES)
    for name, stage in STAGES.items():
        assert stage["cmd"].split()[:3] == ["python", "-m", f"pipeline.{name}"]


@pytest.mark.parametrize("stage", STAGES)
def test_dvc_knows_the_code_of_every_stage(stage: str):
    """Else an edit would leave old results standing, or an unrelated one would train everything again."""
    files = {MODULES[name].relative_to(ROOT).as_posix() for name in closure(f"pipeline.{stage}")}
    declared = {path for path in STAGES[stage]["deps"] if path.startswith(("ehrgen/", "pipeline/"))}
    missing = {file for file in files if not any(within(file, path) for path in declared)}
    useless = {path for path in declared if not any(within(file, path) for file in files)}
    assert not missing, f"imported by {stage}, absent from its deps in dvc.yaml: {sorted(missing)}"
    assert not useless, f"among the deps of {stage} in dvc.yaml, but not imported: {sorted(useless)}"


def within(file: str, path: str) -> bool:
    return file == path or file.startswith(f"{path}/")


@pytest.mark.parametrize("stage", STAGES)
def test_dvc_knows_the_files_of_every_stage(stage: str):
    known = {re.sub(r"\$\{item(\.\w+)?\}", "*", path) for path in declared_files(STAGES[stage])}
    named = paths_named(TREES[ROOT / "pipeline" / f"{stage}.py"]) - REMOVED_NOT_READ.get(stage, set())
    missing = {path for path in named if not any(within(path, one) or within(one, path) for one in known)}
    used = named | NEED_NOT_READ.get(stage, set())
    useless = {path for path in known if not any(within(path, one) or within(one, path) for one in used)}
    assert not missing, f"named in pipeline/{stage}.py, absent from dvc.yaml: {sorted(missing)}"
    assert not useless, f"declared in dvc.yaml, not named in pipeline/{stage}.py: {sorted(useless)}"


def declared_files(stage: dict) -> set[str]:
    """Data that a stage declares: deps, outs and parameter files."""
    entries = [*stage["deps"], *stage["outs"]]
    paths = [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]
    params = [next(iter(p)) if isinstance(p, dict) else "params.yaml" for p in stage.get("params", [])]
    return {p for p in [*paths, *params] if not p.startswith(("ehrgen/", "pipeline/", "${item}"))}


def paths_named(tree: ast.Module) -> set[str]:
    """Paths of the project that a file spells out, `*` for what only the run knows; the longest of each."""
    constants = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            names, values = node.targets[0], node.value
            many = isinstance(names, ast.Tuple) and isinstance(values, ast.Tuple)
            pairs = zip(names.elts, values.elts, strict=True) if many else [(names, values)]
            constants |= {ast.unparse(name): value for name, value in pairs}
    found = {fold(node, constants) for node in ast.walk(tree) if isinstance(node, ast.expr)}
    found = {
        path for path in found if re.match(r"(data|models|samples|likelihoods|reports)/|(params|resolved)\.yaml$", path)
    }
    return {path for path in found if not any(other.startswith(f"{path}/") for other in found)}


def fold(node: ast.expr, constants: dict[str, ast.expr]) -> str:
    """Text of a path expression such as `Path("reports") / variant / f"{seed}.json"`: reports/*/*.json."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return f"{fold(left, constants)}/{fold(right, constants)}"
        case ast.Call(func=ast.Name(id="Path"), args=parts):
            return "/".join(fold(part, constants) for part in parts)
        case ast.JoinedStr(values=parts):
            return "".join(part.value if isinstance(part, ast.Constant) else "*" for part in parts)
        case ast.Name(id=name) if name in constants:
            return fold(constants[name], constants)
    return "*"


def test_paths_named_by_hand():
    source = 'R = Path("reports")\na, B = Path("params.yaml"), R / "runs"\nopen(B / variant / f"{seed}.json")'
    assert paths_named(ast.parse(source)) == {"params.yaml", "reports/runs/*/*.json"}


@pytest.mark.slow
@pytest.mark.parametrize("stage", QUICK)
def test_quick_stages_start_quickly(stage: str):
    assert not imported_by(f"pipeline.{stage}") & SLOW_TO_IMPORT


@pytest.mark.slow
def test_a_refused_request_need_not_wait_for_torch():
    assert not imported_by("pipeline.generate") & {"torch", "transformers"}


def imported_by(module: str) -> set[str]:
    """The packages that a process which imports `module` has loaded, and their parts."""
    program = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())
