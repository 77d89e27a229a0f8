"""params.yaml with values that cannot be trained, with any value anywhere, and with bytes that are no text."""

import random
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from faults.project import Project
from faults.stages import run
from faults.tally import MUTE, ONE_LINE, SURVIVED, TRACEBACK, WRONG, Fault

IMPOSSIBLE = {  # what no machine trains: resolve has to refuse it
    "ablation.seeds": ([-1], [2**40], ["x"], [0.5], [0, 0], []),
    "ablation.run": ([], ["nobody"], "multitask"),
    "cohort.seed": (-1, 2**33),
    "cohort.patients": (0, -5, "all"),
    "cohort.files": ([], ["."], "ehrgen"),
    "cohort.split.train": (0, 1, -0.1, 0.9),
    "sequence.max_tokens": (0, 10**12),
    "model.heads": (3, 0, -1),
    "model.d_model": (17, 10**9, 0),
    "model.layers": (0, 10**9),
    "model.feed_forward": (10**12,),
    "model.dropout": (1, -0.1, float("nan")),
    "loss.lm": (-1, float("inf"), "much", 1e300),
    "loss.schedules": ({"lm": {"kind": "no such"}}, {"nothing": {"kind": "constant"}}),
    "train.epochs": (0, -1, 10**15),
    "train.batch_tokens": (0, 10**15),
    "train.learning_rate": (0, 1e300, float("nan")),
    "train.threads": (0, 10**9),
    "sampling.patients": (0, 10**15),
    "sampling.seed": (-1,),
    "sampling.temperature": (0, -1),
    "evaluate.patients": (0, 10**15),
    "variants.x": (None, 3, {"extends": "nobody"}, {"extends": "x"}, {"los": {}}, {"model": {"heads": 3}}),
}
NASTY = (
    None,
    True,
    -1,
    0,
    10**30,
    1e308,
    "",
    "x",
    "\u0000",
    "1e-05",
    [],
    {},
    [[]],
    {"a": 1},
    float("nan"),
    "2024-13-45",
)
ANYWHERE, BYTES = 60, 40


def impossible(project: Project, work: Path, rng: random.Random) -> Iterator[Fault]:
    """Each value that cannot be trained, then any value anywhere, then bytes changed at random."""
    base = YAML(typ="safe").load(project.folder / "params.yaml")
    group = "parameters that cannot run"
    for path, values in IMPOSSIBLE.items():
        for value in values:
            yield _resolved(project, work, _changed(base, path, value), group, f"{path}: {value!r}", must=True)
    places = list(_places(base, ""))
    for _ in range(ANYWHERE):
        path, value = rng.choice(places), rng.choice(NASTY)
        yield _resolved(project, work, _changed(base, path, value), "parameters at random", f"{path}: {value!r}")
    text = (project.folder / "params.yaml").read_bytes()
    for _ in range(BYTES):
        changed = bytearray(text)
        for _ in range(rng.choice((1, 1, 3, 30))):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        yield _resolved(project, work, bytes(changed), "parameters at random", "bytes")


def _resolved(project: Project, work: Path, content: Any, group: str, what: str, must: bool = False) -> Fault:
    folder = project.copy(work)
    if isinstance(content, bytes):
        (folder / "params.yaml").write_bytes(content)
    else:
        with open(folder / "params.yaml", "w", encoding="utf-8") as stream:
            YAML().dump(content, stream)
    ended = run(folder, project.stages["resolve"])
    if ended.manner == "done":
        return Fault(group, what, WRONG if must else SURVIVED, "resolve takes it")
    return Fault(
        group, what, {"one line": ONE_LINE, "traceback": TRACEBACK}.get(ended.manner, MUTE), ended.printed[-1500:]
    )


def _changed(base: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    content = deepcopy(base)
    *parents, key = path.split(".")
    place = content
    for parent in parents:
        place = place[parent]
    place[key] = value
    return content


def _places(of: dict[str, Any], above: str) -> Iterator[str]:
    for key, value in of.items():
        yield f"{above}{key}"
        if isinstance(value, dict):
            yield from _places(value, f"{above}{key}.")
