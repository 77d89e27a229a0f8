"""JSON files of our own making, checked where they are read against what they were written with."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from ehrgen.core.files import FileError, read_json


class Record(BaseModel):
    """What a file holds at least, of exactly these types; more is welcome, NaN and infinity are not."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True, allow_inf_nan=False)


def read_record(path: Path, shape: Any, remedy: str = "run `dvc repro`") -> Any:
    """What a JSON file holds, as it stands there, once it has the shape.

    Args:
        shape: A subclass of `Record`, or a type built of such and of plain ones.
        remedy: What to do about a file that cannot be used, for the message.

    Raises:
        FileError: If the file is missing, is no JSON or has another shape; the message says where in it.
    """
    content = read_json(path, remedy)
    if fault := misfit(content, shape):
        raise FileError(f"{path}: {fault}; {remedy}")
    return content


def misfit(content: Any, shape: Any) -> str:
    """Where the content is not of the shape, and why; nothing where it is.

    Example:
        >>> misfit({"a": [1, None]}, dict[str, list[int]])
        'a.1: Input should be a valid integer'
    """
    try:
        TypeAdapter(shape).validate_python(content, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        said = "should be a mapping" if first["type"] == "model_type" else first["msg"].removeprefix("Value error, ")
        return f"{place}: {said}" if place else said
    return ""
