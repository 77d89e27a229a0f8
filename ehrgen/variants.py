"""What is compared: base sections plus the sparse overrides of each variant, checked before training."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator
from ruamel.yaml import YAML

from ehrgen.core.files import replacing
from ehrgen.core.params import ParamsError, Seed, Settings, brief, load_yaml, parse, section

NAME_PATTERN = r"[a-z0-9_]+"  # what DVC accepts in a stage name such as train@lm_only-0

EXTENDS = "extends"  # the key of a variant that names another one, whose overrides it starts from

Schemas = Mapping[str, type[Settings]]
Overrides = dict[str, dict[str, Any]]


class AblationSettings(Settings):
    """`reference` is what every variant is compared with; `headline` is the variant of reports/headline.json."""

    run: list[str] = Field(min_length=1)
    seeds: list[Seed] = Field(min_length=1)
    reference: str
    headline: str

    @field_validator("run", "seeds")
    @classmethod
    def _unique(cls, values: list) -> list:
        if len(set(values)) != len(values):
            raise ValueError("must not repeat an entry")
        return values


def resolve(content: dict[str, Any], schemas: Schemas, where: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Variant -> section -> the complete, typed configuration it is trained and sampled with.

    Every variant under `variants` is resolved, run or not, so that a typo shows on the day it is made.
    A variant that `extends` another one has that one's settings too, key by key; its own come last.
    Numbers have the type of their setting: `-S loss.cooccur=0` and `0.0` give the same configuration.

    Args:
        schemas: The sections that a variant may override, each with its settings.
        where: Name of the file, for messages.

    Raises:
        ParamsError: If a base section or a variant has an unknown section, an unknown key or a bad value, or a
            variant extends one that is unknown or that extends it in turn.
    """
    base = {name: section(content, name, schema, where).model_dump() for name, schema in schemas.items()}
    variants = _mapping(content.get("variants"), f"{where}: variants", "variants")
    own = {name: _overrides(name, values, schemas, where) for name, values in variants.items()}
    lines = {name: _ancestry(name, variants, where) for name in variants}
    in_turn = sorted(variants, key=lambda name: len(lines[name]))  # so that a bad value is blamed on who states it
    return {name: _effective(name, base, [own[one] for one in lines[name]], schemas, where) for name in in_turn}


def save(effective: dict[str, dict[str, dict[str, Any]]], target: Path) -> None:
    """Write `effective`, one sorted key a line, so that git and `dvc params diff` show single values.

    As YAML 1.1, the dialect in which readers of both versions take 1.0e-05 for a number.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.version = (1, 1)
    with replacing(target) as temporary, temporary.open("w", encoding="utf-8") as stream:
        yaml.dump({"effective": effective}, stream)


def load_effective(path: Path, ablation: AblationSettings) -> dict[str, dict[str, dict[str, Any]]]:
    """What `save` wrote, of the variants that run.

    Raises:
        ParamsError: If the file cannot be read, or does not hold all variants with the same settings each.
    """
    effective = load_yaml(path).get("effective")
    found = effective if isinstance(effective, dict) else {}
    keys = [_keys(found.get(variant)) for variant in ablation.run]
    if not keys[0] or any(one != keys[0] for one in keys):
        raise ParamsError(f"{path}: not the settings of {', '.join(ablation.run)}; run `dvc repro resolve`")
    return found


def _keys(sections: Any) -> set[tuple[Any, Any]]:
    """Section and key of every setting; empty if these are no sections."""
    if not (isinstance(sections, dict) and all(isinstance(settings, dict) for settings in sections.values())):
        return set()
    return {(name, key) for name, settings in sections.items() for key in settings}


def check_sections(content: dict[str, Any], known: Iterable[str], where: str) -> None:
    """Raise ParamsError for a section of the file that nothing reads, listing those that are read."""
    for name in content:
        if name not in set(known):
            raise ParamsError(f"{where}: unknown section {brief(name)}; known sections: {', '.join(sorted(known))}")


def check_ablation(ablation: AblationSettings, variants: Iterable[str], where: str) -> None:
    """Raise ParamsError if a variant that is to run, to compare with or to headline is unknown or not run."""
    known = sorted(variants)
    for name in [*ablation.run, ablation.reference, ablation.headline]:
        if name not in known:
            raise ParamsError(f"{where}: ablation: unknown variant '{name}'; known variants: {', '.join(known)}")
    for key in ("reference", "headline"):
        name = getattr(ablation, key)
        if name not in ablation.run:
            raise ParamsError(
                f"{where}: ablation.{key}: '{name}' is not among the variants that run "
                f"({', '.join(ablation.run)}); add it to ablation.run or choose one of those"
            )


PER_SEED = ("runs", "history", "manifests", "portraits")
"""Folders of reports/ that hold a file for each variant and seed."""


def dropped(reports: Path, ablation: AblationSettings) -> list[Path]:
    """Results `reports/FOLDER/VARIANT/SEED.*` of variants and seeds that are no longer part of the ablation.

    They are files in git, which DVC neither removes nor ignores: left there, `compare` would report them.
    """
    seeds = {str(seed) for seed in ablation.seeds}
    found = (path for folder in PER_SEED for path in (reports / folder).glob("*/*") if path.is_file())
    return sorted(path for path in found if path.parent.name not in ablation.run or path.stem not in seeds)


def prune(paths: Iterable[Path]) -> None:
    """Remove files that are no longer part of the ablation, and say so of each."""
    for path in paths:
        path.unlink()
        print(f"removed {path}: no longer part of the ablation")


def _overrides(name: Any, values: Any, schemas: Schemas, where: str) -> Overrides:
    """What a variant itself says: section -> key -> value."""
    if not (isinstance(name, str) and re.fullmatch(NAME_PATTERN, name)):
        raise ParamsError(f"{where}: variants: bad name {brief(name)}; use lower-case letters, digits and _")
    place = f"{where}: variants.{name}"
    values = _mapping(values, place, "sections")
    for part in values:
        if part not in (EXTENDS, *schemas):
            may = f"a variant may override {', '.join(sorted(schemas))} and say whom it {EXTENDS}"
            raise ParamsError(f"{place}: unknown section {brief(part)}; {may}")
    return {
        part: _mapping(settings, f"{place}.{part}", "settings") for part, settings in values.items() if part != EXTENDS
    }


def _ancestry(name: str, variants: dict[Any, Any], where: str) -> list[str]:
    """The variant and those it extends, the last ancestor first."""
    line = [name]
    while EXTENDS in variants[line[0]]:
        parent = variants[line[0]][EXTENDS]
        if not (isinstance(parent, str) and parent in variants):
            place, known = f"{where}: variants.{line[0]}.{EXTENDS}", ", ".join(sorted(variants))
            raise ParamsError(f"{place}: unknown variant {brief(parent)}; known variants: {known}")
        if parent in line:
            circle = " -> ".join([*reversed(line[: line.index(parent) + 1]), parent])
            raise ParamsError(f"{where}: variants: {EXTENDS} goes in a circle: {circle}; take one of them out")
        line.insert(0, parent)
    return line


def _effective(
    name: str, base: dict[str, dict[str, Any]], line: list[Overrides], schemas: Schemas, where: str
) -> dict[str, dict[str, Any]]:
    """The base with the overrides of a line of variants laid over it, one after the other."""
    values = {part: dict(settings) for part, settings in base.items()}
    for overrides in line:
        for part, settings in overrides.items():
            values[part] |= settings
    place = f"{where}: variants.{name}"
    return {part: parse(values[part], schema, f"{place}.{part}").model_dump() for part, schema in schemas.items()}


def _mapping(value: Any, place: str, of: str) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise ParamsError(f"{place}: expected a mapping of {of}, found {brief(value)}; write {{}} for none")
    return value
