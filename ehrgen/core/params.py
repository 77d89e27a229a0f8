"""Strict configuration: a section of params.yaml becomes a frozen object, or one clear line of error.

Every room states its own settings as subclasses of `Settings`; this module knows none of them, so that
adding a key to one room's settings changes no other stage's code dependencies.
"""

from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError


class ParamsError(ValueError):
    """A parameter file that cannot be used; the message says where and what to do."""


class Settings(BaseModel):
    """Base of all sections: frozen, no unknown keys, no NaN or infinity.

    Numbers written as text are coerced, because `dvc exp run -S loss.cooccur=0.00001` writes `1e-05`,
    which YAML 1.1 readers take for a string (https://github.com/iterative/dvc/issues/5971).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())


SettingsType = TypeVar("SettingsType", bound=Settings)


def load_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file, read with the safe loader.

    Raises:
        ParamsError: If the file is missing, is not YAML, or is not a mapping.
    """
    if not path.exists():
        raise ParamsError(f"{path}: no such file; run from the project's root")
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except YAMLError as error:
        raise ParamsError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise ParamsError(f"{path}: expected a mapping of sections, found {type(content).__name__}")
    return content


def section(content: dict[str, Any], name: str, schema: type[SettingsType], where: str) -> SettingsType:
    """One section of a loaded file as its settings object.

    Raises:
        ParamsError: If the section is missing, has an unknown key (the known ones are listed) or a bad value.
    """
    if name not in content:
        raise ParamsError(f"{where}: section '{name}' is missing; known sections: {', '.join(content)}")
    return parse(content[name], schema, f"{where}: {name}")


def parse(values: Any, schema: type[SettingsType], where: str) -> SettingsType:
    """`values` as a `schema`, strictly.

    Raises:
        ParamsError: One line with every problem: its key, what is wrong, and the known keys for a typo.
    """
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        raise ParamsError("; ".join(_explain(problem, schema, where) for problem in error.errors())) from None


def _explain(problem: Any, schema: type[Settings], where: str) -> str:
    if problem["type"] == "value_error" and not problem["loc"]:  # a rule for several keys: it names them itself
        return f"{where}: {problem['ctx']['error']}"
    *parents, key = [str(part) for part in problem["loc"]] or [""]
    path = ".".join([where, *parents])
    if problem["type"] == "extra_forbidden":
        return f"{path}: unknown key {key!r}; known keys: {', '.join(sorted(_fields(schema, parents)))}"
    return f"{path}.{key}: {problem['msg'].removeprefix('Value error, ')} (found {problem['input']!r})"


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
