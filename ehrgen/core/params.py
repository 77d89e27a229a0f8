"""Strict configuration: a section of params.yaml becomes a frozen object, or one clear line of error.

Every room states its own settings as subclasses of `Settings`; this module knows none of them, so that
adding a key to one room's settings changes no other stage's code dependencies.
"""

import re
import reprlib
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

PARAMS = Path("params.yaml")
"""Everything that can be changed, in the folder of the project."""
MOST_PROBLEMS = 10  # of one section that a message names
LONGEST = 120  # characters of a value that a message shows


class ParamsError(ValueError):
    """A parameter file that cannot be used; the message says where and what to do."""


class Settings(BaseModel):
    """Base of all sections: frozen, no unknown keys, no NaN or infinity.

    Numbers written as text are coerced, because `dvc exp run -S loss.cooccur=0.00001` writes `1e-05`,
    which YAML 1.1 readers take for a string (https://github.com/iterative/dvc/issues/5971).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())


SettingsType = TypeVar("SettingsType", bound=Settings)
Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""What every generator of random numbers takes: numpy's, torch's, and DVC's names of stages."""


def load_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file, read with the safe loader.

    Raises:
        ParamsError: If the file is missing, is not YAML, or is not a mapping.
    """
    if not path.exists():
        raise ParamsError(f"{path}: no such file; run from the project's root")
    text = _text(path)
    try:
        content = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, RecursionError, ValueError, OverflowError) as error:  # the latter of dates and endless numbers
        raise ParamsError(f"{path}: {_why_no_yaml(text, error)}") from error
    if not isinstance(content, dict):
        raise ParamsError(f"{path}: expected a mapping of sections, found {type(content).__name__}")
    return content


def _text(path: Path) -> str:
    content = path.read_bytes()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ParamsError(f"{path}: UTF-16 text; save it as UTF-8")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ParamsError(
            f"{path}: no text in UTF-8 (byte {error.start} of {len(content)}); save it as UTF-8"
        ) from None


def _why_no_yaml(text: str, error: Exception) -> str:
    """What is wrong in words of the editor, where it is one of the usual two; else in those of the parser."""
    for number, line in enumerate(text.splitlines(), start=1):
        if re.match(r"(<<<<<<<|=======|>>>>>>>)( |$)", line):
            return f"line {number} is a mark of a merge conflict; choose a side, then run again"
        if re.match(r" *\t", line):
            return f"line {number} is indented with a tab; use blanks"
    told = str(error).replace('in "<unicode string>",', "at")
    return f"not valid YAML: {' '.join(told.split())}"


def brief(value: Any) -> str:
    """A value of a file as messages show it: never long, whatever it holds.

    Example:
        >>> brief(["lm"]), len(brief({"a": ["x" * 1000] * 1000}))
        ("['lm']", 123)
    """
    short = reprlib.Repr()
    short.maxlevel, short.maxlist, short.maxdict, short.maxstring, short.maxother = 2, 4, 4, 60, 60
    try:
        text = short.repr(value)
    except ValueError:  # Python writes no number of more than 4,300 digits
        return "a number without end"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def section(content: dict[str, Any], name: str, schema: type[SettingsType], where: str) -> SettingsType:
    """One section of a loaded file as its settings object.

    Raises:
        ParamsError: If the section is missing, has an unknown key (the known ones are listed) or a bad value.
    """
    if name not in content:
        raise ParamsError(f"{where}: section '{name}' is missing; known sections: {', '.join(map(str, content))}")
    return parse(content[name], schema, f"{where}: {name}")


def parse(values: Any, schema: type[SettingsType], where: str) -> SettingsType:
    """`values` as a `schema`, strictly.

    Raises:
        ParamsError: One line with every problem: its key, what is wrong, and the known keys for a typo.
    """
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        problems = [_explain(problem, schema, where) for problem in error.errors()[:MOST_PROBLEMS]]
        more = [f"and {error.error_count() - MOST_PROBLEMS} more"] if error.error_count() > MOST_PROBLEMS else []
        raise ParamsError("; ".join(problems + more)) from None


def _explain(problem: Any, schema: type[Settings], where: str) -> str:
    if problem["type"] == "value_error" and not problem["loc"]:  # a rule for several keys: it names them itself
        return f"{where}: {problem['ctx']['error']}"
    *parents, key = [str(part) for part in problem["loc"]] or [""]
    path = ".".join([where, *parents])
    if problem["type"] == "extra_forbidden":
        return f"{path}: unknown key {brief(key)}; known keys: {', '.join(sorted(_fields(schema, parents)))}"
    return f"{path}.{key}: {problem['msg'].removeprefix('Value error, ')} (found {brief(problem['input'])})"


def _fields(schema: Any, parents: list[str]) -> list[str]:
    """Keys known at a place: below a mapping by any name, below alternatives by the tag of the chosen one."""
    for parent in parents:
        if get_origin(schema) is Annotated:
            schema = get_args(schema)[0]
        if get_origin(schema) is dict:
            schema = get_args(schema)[1]
        elif get_origin(schema) in (Union, UnionType):
            schema = next(one for one in get_args(schema) if parent in get_args(one.model_fields["kind"].annotation))
        else:
            schema = schema.model_fields[parent].annotation
    return list(schema.model_fields)
