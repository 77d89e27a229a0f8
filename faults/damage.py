"""Every file that a stage reads, damaged in every way: missing, empty, cut, foreign, of another shape, one byte off."""

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from faults.project import Project, Stage, files
from faults.stages import run
from faults.tally import FOR_DVC, MUTE, ONE_LINE, SURVIVED, TRACEBACK, WRONG, Fault

SLOW = ("train", "sample", "evaluate", "anchor")  # of whose files fewer damages are tried
FEW = 4
Damage = Callable[[Path, random.Random], None]


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


def damaged(project: Project, work: Path, rng: random.Random) -> Iterator[Fault]:
    """Damage each file that each stage reads, and run the stage."""
    for stage in project.stages.values():
        for file in _read(project, stage):
            ways = SEEN | ({"of another kind": _foreign(project, file)} if _others(project, file) else {})
            ways |= {".json": OF_JSON, ".csv": OF_CSV}.get(file.suffix, {})
            names = [*UNSEEN, *(rng.sample(sorted(ways), min(FEW, len(ways))) if stage.kind in SLOW else ways)]
            for name in names:
                folder = project.copy(work)
                (ways | UNSEEN)[name](folder / file, rng)
                yield _judged(project, folder, stage, f"{file}: {name}", name in UNSEEN)


def _read(project: Project, stage: Stage) -> list[Path]:
    """Files that the stage reads, without the one of parameters, which has faults of its own."""
    found = [file.relative_to(project.folder) for path in stage.reads for file in files(project.folder / path)]
    return [file for file in found if file != Path("params.yaml")]


def _others(project: Project, file: Path) -> list[Path]:
    """Files of the same ending that hold something else: another name in another or the same folder."""
    found = [other for root in ("data", "models", "samples", "reports") for other in files(project.folder / root)]
    return [other for other in found if other.suffix == file.suffix and other.name != file.name]


def _foreign(project: Project, file: Path) -> Damage:
    return lambda path, rng: shutil.copyfile(rng.choice(_others(project, file)), path) and None


def _judged(project: Project, folder: Path, stage: Stage, what: str, unseen: bool) -> Fault:
    ended = run(folder, stage)
    group, what = f"damaged files: {'one bit, or gone' if unseen else 'cut, foreign, emptied'}", f"{stage}: {what}"
    if ended.manner != "done":
        outcome = {"one line": ONE_LINE, "traceback": TRACEBACK}.get(ended.manner, MUTE)
        return Fault(group, what, outcome, ended.printed[-1500:])
    found = project.different(folder, stage.writes)
    if not found:
        return Fault(group, what, SURVIVED)
    return Fault(group, what, FOR_DVC if unseen else WRONG, f"another {', '.join(found)}; {ended.printed[-300:]}")
