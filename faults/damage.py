"""Every file that a stage reads, damaged in every way: missing, empty, cut, foreign, of another shape, one byte off.

Of a file that is whole and another one's, or one bit off, only a hash tells. A stage that takes it is not at fault, if
DVC, asked for the state of the project with all such files in it, names each.
"""

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import chdir
from dataclasses import replace
from pathlib import Path

from dvc.repo import Repo

from faults.project import Project, Stage, files
from faults.stages import run
from faults.tally import BY_DVC, MUTE, ONE_LINE, SURVIVED, TRACEBACK, WRONG, Fault
from tests.support.sandbox import environment

SLOW = ("train", "sample", "evaluate", "anchor")  # of whose files fewer damages are tried
FEW = 4
Damage = Callable[[Path, random.Random], None]
Unnamed = Callable[[Project, Path, dict[Path, bytes | None]], list[Path]]


def _bytes(change: Callable[[bytes, random.Random], bytes]) -> Damage:
    return lambda path, rng: path.write_bytes(change(path.read_bytes(), rng)) and None


def _folder(path: Path, rng: random.Random) -> None:
    path.unlink()
    path.mkdir()


def _one_byte(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content))
    return content[:at] + bytes([content[at] ^ (1 << rng.randrange(8))]) + content[at + 1 :]


UNSEEN: dict[str, Damage] = {  # what only a hash can tell, if it makes a difference at all
    "missing": lambda path, rng: path.unlink(),
    "one bit turned": _bytes(_one_byte),
}
SEEN: dict[str, Damage] = {
    "empty": _bytes(lambda content, rng: b""),
    "the first half": _bytes(lambda content, rng: content[: len(content) // 2]),
    "the last byte gone": _bytes(lambda content, rng: content[:-1]),
    "zeros": _bytes(lambda content, rng: bytes(len(content))),
    "noise": _bytes(lambda content, rng: rng.randbytes(len(content))),
    "noise at the end": _bytes(lambda content, rng: content + rng.randbytes(64)),
    "a folder": _folder,
}
OF_JSON: dict[str, Damage] = {
    "{}": _bytes(lambda content, rng: b"{}\n"),
    "[]": _bytes(lambda content, rng: b"[]\n"),
    "null": _bytes(lambda content, rng: b"null\n"),
    "all values null": lambda path, rng: _emptied(path, None),
    "all values []": lambda path, rng: _emptied(path, []),
}
OF_CSV: dict[str, Damage] = {
    "the header alone": _bytes(lambda content, rng: content.splitlines(keepends=True)[0]),
    "half of the rows": _bytes(lambda content, rng: b"".join(_half(content.splitlines(keepends=True)))),
    "a column gone": _bytes(
        lambda content, rng: b"".join(line.partition(b",")[2] for line in content.splitlines(True))
    ),
}


def _emptied(path: Path, value: object) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(dict.fromkeys(content, value) if isinstance(content, dict) else [value]))


def _half(lines: list[bytes]) -> list[bytes]:
    return lines[: 1 + (len(lines) - 1) // 2]


def damaged(project: Project, work: Path, rng: random.Random, unnamed: Unnamed | None = None) -> Iterator[Fault]:
    """Damage each file that each stage reads, and run the stage.

    Args:
        unnamed: What finds the files that DVC does not name; by default DVC is asked.
    """
    taken: list[tuple[Fault, Path, str, bytes | None]] = []  # with the content that a stage took
    for stage in project.stages.values():
        for file in _read(project, stage):
            unseen, ways = _ways(project, file)
            names = [*unseen, *(rng.sample(sorted(ways), min(FEW, len(ways))) if stage.kind in SLOW else ways)]
            for name in names:
                folder = project.copy(work)
                (ways | unseen)[name](folder / file, rng)
                content = (folder / file).read_bytes() if (folder / file).is_file() else None
                fault = _judged(project, folder, stage, f"{file}: {name}", name in unseen)
                if fault.outcome == BY_DVC:
                    taken.append((fault, file, name, content))
                else:
                    yield fault
    for name in sorted({name for _, _, name, _ in taken}):
        contents = {file: content for _, file, of, content in taken if of == name}
        missed = (unnamed or _unnamed)(project, work.parent / "asked", contents)
        for fault, file, of, _ in taken:
            if of == name:
                yield replace(fault, outcome=WRONG) if file in missed else fault


def _ways(project: Project, file: Path) -> tuple[dict[str, Damage], dict[str, Damage]]:
    """What only a hash can tell, and the other damages."""
    unseen = UNSEEN | (
        {"another's of its kind": _taken_from(project, alike)} if (alike := _alike(project, file)) else {}
    )
    ways = SEEN | ({"of another kind": _taken_from(project, others)} if (others := _others(project, file)) else {})
    return unseen, ways | {".json": OF_JSON, ".csv": OF_CSV}.get(file.suffix, {})


def _unnamed(project: Project, folder: Path, contents: dict[Path, bytes | None]) -> list[Path]:
    """Of these files, those that DVC does not name as changed when all of them are put into a finished project."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(project.folder, folder, symlinks=True)
    for file, content in contents.items():
        (folder / file).unlink() if content is None else (folder / file).write_bytes(content)
    os.environ.update({name: value for name, value in environment(folder).items() if name.startswith("DVC_")})
    with chdir(folder), Repo() as repo:
        status = repo.status()
    changes = [change for of_stage in status.values() for change in of_stage if isinstance(change, dict)]
    outs = {name for change in changes for name in change.get("changed outs", {})}
    return [file for file in contents if not any(file.is_relative_to(out) for out in outs)]


def _read(project: Project, stage: Stage) -> list[Path]:
    """Files that the stage reads, without the one of parameters, which has faults of its own."""
    found = [file.relative_to(project.folder) for path in stage.reads for file in files(project.folder / path)]
    return [file for file in found if file != Path("params.yaml")]


def _others(project: Project, file: Path) -> list[Path]:
    """Files of the same ending that hold something else."""
    return [other for other in _results(project) if other.suffix == file.suffix and _kind(other) != _kind(file)]


def _alike(project: Project, file: Path) -> list[Path]:
    """Files that hold the same of another variant, split or generator, and not the same bytes."""
    own = (project.folder / file).read_bytes()
    found = [other for other in _results(project) if other != file and _kind(other) == _kind(file)]
    return [other for other in found if (project.folder / other).read_bytes() != own]


def _results(project: Project) -> list[Path]:
    roots = ("data", "models", "samples", "likelihoods", "reports")
    return [file.relative_to(project.folder) for root in roots for file in files(project.folder / root)]


def _kind(file: Path) -> tuple[str, str]:
    """What a file holds: of results by variant what their folder says, else what the name says."""
    folder = file.parts[1] if file.parts[0] == "reports" and len(file.parts) > 2 else ""
    folder = {"anchors": "runs"}.get(folder, folder)  # both are scores
    return (file.suffix, folder or file.name)


def _taken_from(project: Project, others: list[Path]) -> Damage:
    return lambda path, rng: shutil.copyfile(project.folder / rng.choice(others), path) and None


def _judged(project: Project, folder: Path, stage: Stage, what: str, unseen: bool) -> Fault:
    ended = run(folder, stage)
    kind = "gone, one bit off, another's" if unseen else "cut, emptied, of another kind"
    group, what = f"damaged files: {kind}", f"{stage}: {what}"
    if ended.manner != "done":
        outcome = {"one line": ONE_LINE, "traceback": TRACEBACK}.get(ended.manner, MUTE)
        return Fault(group, what, outcome, ended.printed[-1500:])
    found = project.different(folder, stage.writes)
    if not found:
        return Fault(group, what, SURVIVED)
    return Fault(group, what, BY_DVC if unseen else WRONG, f"another {', '.join(found)}; {ended.printed[-300:]}")
