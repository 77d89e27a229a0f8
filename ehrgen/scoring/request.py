"""What is asked for on the command line: which patients against which, how many, and where the answer goes."""

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

DESCRIPTION = """Synthetic patients made by anybody against real ones: all metrics beside those of real patients and of
reference generators, with half-widths. A PATH is a folder of MIMIC-III, MIMIC-IV or OMOP tables, a MEDS dataset, the
NHDS file, or a table (.csv, .csv.gz, .parquet) of patient, visit and code, and sex and age where they are known. Where
it has splits, --real takes its held-out patients and --train its training patients."""

LEVELS = ("code", "category")
NAMELESS = ("mimic3", "meds", "data", "hosp", "samples")  # folders that do not say whose patients they hold
RESERVED = ("floor", "real", "memoriser", "independent_codes", "latent_profiles", "collapsed", "markov")


class RequestError(ValueError):
    """A request that cannot be met; the message says which part and what to do."""


@dataclass(frozen=True)
class Request:
    """One request.

    Attributes:
        real: Real patients that no generator was trained on.
        synthetic: Name -> patients to be judged.
        train: Real patients that the generators were trained on; None: nobody says.
        patients: Most patients of each to compare.
        level: Whether codes are compared as they are, or as their ICD-9 categories.
        quick: Leave half-widths out, which take four fifths of the time.
        out: The folder to be made.
    """

    real: Path
    synthetic: Mapping[str, Path]
    train: Path | None
    patients: int
    seed: int
    level: str
    quick: bool
    out: Path

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> Self:
        """The request of a command line.

        Raises:
            RequestError: If two sets have one name, a number is none, or the output folder is there already.
        """
        parser = argparse.ArgumentParser(prog="python -m pipeline.score", description=DESCRIPTION)
        parser.add_argument("--real", type=Path, required=True, metavar="PATH", help="real patients nobody trained on")
        parser.add_argument(
            *("--synthetic", "-s"),
            action="append",
            required=True,
            metavar="[NAME=]PATH",
            help="patients to be judged; give it again for several sets side by side",
        )
        parser.add_argument("--train", type=Path, metavar="PATH", help="real patients the generators were trained on")
        parser.add_argument("--patients", type=int, default=3000, help="most of each to compare (default 3000)")
        parser.add_argument("--seed", type=int, default=0, help="of the samples drawn (default 0)")
        parser.add_argument("--level", choices=LEVELS, default="code", help="compare codes, or their categories")
        parser.add_argument("--quick", action="store_true", help="no half-widths, in a fifth of the time")
        parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to be made")
        given = vars(parser.parse_args(arguments))
        request = cls(**given | {"synthetic": named(given["synthetic"])})
        request._check()
        return request

    def _check(self) -> None:
        if self.patients < 10 or self.seed < 0:
            raise RequestError(
                f"--patients {self.patients} --seed {self.seed}: at least 10 patients, and a seed from 0 up"
            )
        for option, path in self._paths():
            if not path.exists():
                raise RequestError(f"{option} {path}: no such file or folder")
        if self.out.exists():
            raise RequestError(f"--out {self.out}: exists; name a folder that does not, or remove it")

    def _paths(self) -> list[tuple[str, Path]]:
        train = [] if self.train is None else [("--train", self.train)]
        return [("--real", self.real), *train, *(("--synthetic", path) for path in self.synthetic.values())]


def named(sets: Sequence[str]) -> dict[str, Path]:
    """Name -> path; without a name the set is called after its file or folder.

    Raises:
        RequestError: If two sets have one name, or one has that of a reference.

    Example:
        >>> {name: str(path) for name, path in named(["halo=out/a.csv", "b/c.csv.gz", "made/mimic3"]).items()}
        {'halo': 'out/a.csv', 'c': 'b/c.csv.gz', 'made': 'made/mimic3'}
    """
    found: dict[str, Path] = {}
    for text in sets:
        name, equals, path = text.partition("=")
        if not equals or "/" in name:
            path = text
            name = _called(Path(text))
        why = "two sets of this name" if name in found else "a name of the references" if name in RESERVED else ""
        if why or not re.fullmatch(r"[\w.+-]+", name):
            why = why or "no name of letters, digits and . _ + -"
            raise RequestError(f"--synthetic {text}: '{name}' is {why}; write --synthetic NAME=PATH")
        found[name] = Path(path)
    return found


def _called(path: Path) -> str:
    whole = path.resolve()
    while whole.name in NAMELESS or whole.name.isdecimal():
        whole = whole.parent
    return whole.name.split(".")[0]
