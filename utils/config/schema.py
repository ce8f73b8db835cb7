"""Settings: plain values in, one frozen and typed object out.

What is wrong is said all at once, with the file and the nearest known name.
"""

from __future__ import annotations

import re
import types
import typing
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from utils.config.other_names import other_name
from utils.errors import ConfigError, nearest
from utils.paths import show_path

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, lt=2**63)]
Layers = Annotated[int, Field(ge=1, le=1000)]
"""Layers one after another; a stranger's recipe may name a number of which there is no end of making them."""
Whole = Annotated[int, Field(ge=0, lt=2**63)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Config(BaseModel):
    """A closed, frozen group of settings; the string under a field is its `--help`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)
    renamed: ClassVar[Mapping[str, str]] = {}
    """Former name of a setting -> its name, "" when it is gone. A run's own copy is read by it; where a person writes
    it, it is refused."""

    overrules: ClassVar[Mapping[str, str]] = {}
    """Setting -> the one whose place it takes while it is not its default; see `utils.config.overruled`."""

    @field_validator("*", mode="before")
    @classmethod
    def _as_meant(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse what would be taken for something else: true for 1, a character that ends a path."""
        if isinstance(value, bool) and not _allows_bool(cls.model_fields[str(info.field_name)].annotation):
            raise PydanticCustomError("truth", "a yes or no, where something else is wanted")
        if isinstance(value, str) and "\0" in value:
            raise PydanticCustomError("zero", "it holds a NUL character")
        return value


def _allows_bool(annotation: Any) -> bool:
    return annotation in (bool, Any) or any(_allows_bool(part) for part in typing.get_args(annotation))


ConfigT = TypeVar("ConfigT", bound=Config)


def with_present_names(schema: type[Config], saved: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings that a run saved, called as they are called today, without those that are gone."""
    named = {schema.renamed.get(name, name): value for name, value in saved.items()}
    return {name: value for name, value in named.items() if name}


def parse(
    schema: type[ConfigT],
    raw: Mapping[str, Any],
    path: Path,
    *,
    origins: Mapping[str, Path] | None = None,
    problems: list[str] | None = None,
) -> ConfigT:
    """Check `raw` against `schema` and freeze it.

    Args:
        origins: Dotted key -> file, to name the base that holds a mistake.
        problems: Mistakes already found in the files, said together with those found here.

    Raises:
        ConfigError: With every mistake at once, the value, and the nearest known name.
    """
    lines = list(problems or [])
    config: ConfigT | None = None
    kept = {name for name in raw if (origins or {}).get(name, path).name == RUN_COPY}
    try:
        own = with_present_names(schema, {name: raw[name] for name in kept})
        config = schema.model_validate({name: value for name, value in raw.items() if name not in kept} | own)
    except ValidationError as error:
        for name, text in mistakes(schema, error):
            origin = (origins or {}).get(name)
            if origin is not None and origin.resolve() != path.resolve():
                text += f" (in {show_path(origin)})"
            lines.append(text)
    if lines or config is None:
        body = "\n".join(f"  {line}" for line in lines)
        raise ConfigError(f"{show_path(path)}: {len(lines)} setting(s) to mend\n{body}")
    return config


def as_setting(loc: tuple[int | str, ...], value: Any) -> str:
    """Write a setting as a recipe has it: weights.lips = -1."""
    return f"{'.'.join(map(str, loc))} = {value!r}"


def former(schema: type[Config], name: str) -> str | None:
    """Return what to say of the former name of a setting; None of other names."""
    if name not in schema.renamed:
        return None
    present = schema.renamed[name]
    return f"{name}: no such setting" + (f"; write '{present}'" if present else " any more; leave it out")


def mistakes(
    schema: type[Config],
    error: ValidationError,
    write: Callable[[tuple[int | str, ...], Any], str] = as_setting,
) -> Iterator[tuple[str, str]]:
    """Yield (dotted name, what is wrong) for every mistake that pydantic counts, with the nearest known name.

    Args:
        write: How a setting and its value look where they were typed.
    """
    for number, item in enumerate(error.errors()):
        loc = item["loc"]
        name = ".".join(str(part) for part in loc) or "(whole)"
        if item["type"] == "extra_forbidden":
            near = nearest(str(loc[-1]), _group(schema, loc[:-1])) if number < _HINTS else None
            text = f"{name}: no such setting" + (f"; write '{near}'" if near else "") + _look_alike(name)
            text = former(schema, name) or other_name(name, schema.model_fields) or text
        elif item["type"] == "missing":
            text = f"{name}: missing; give it a value"
        else:
            message = item["msg"]
            text = f"{write(loc or ('(whole)',), item['input'])}: {message[0].lower()}{message[1:]}"
        if item["type"] == "literal_error" and number < _HINTS:
            guess = nearest(str(item["input"]), re.findall(r"'([^']*)'", item["ctx"]["expected"]))
            text += f"; write '{guess}'" if guess else ""
        yield name, text


RUN_COPY = "config.yaml"
"""The copy of its recipe that a run keeps: nobody wrote it, so a setting's former name in it is no mistake."""
_HINTS = 20
"""So many unknown names get a guess of what was meant: it takes a moment each."""


def _look_alike(name: str) -> str:
    """Name the letters of a setting that only look like a plain one's."""
    strange = [char for char in dict.fromkeys(name) if not char.isascii()]
    letters = ", ".join(f"U+{ord(char):04X} {unicodedata.name(char, '')}".rstrip() for char in strange[:3])
    return f" (it holds {letters})" if letters else ""


def submodel(annotation: Any) -> type[Config] | None:
    """Return the group of settings inside a field's type, if there is one."""
    if isinstance(annotation, type) and issubclass(annotation, Config):
        return annotation
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, Annotated):
        for part in typing.get_args(annotation):
            if (inner := submodel(part)) is not None:
                return inner
    return None


def _group(schema: type[Config], loc: tuple[int | str, ...]) -> list[str]:
    for part in loc:
        info = schema.model_fields.get(str(part))
        inner = submodel(info.annotation) if info else None
        if inner is None:
            return []
        schema = inner
    return list(schema.model_fields)


def describe(schema: type[Config], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield (dotted name, default, help) for every setting of a schema, groups opened."""
    for name, info in schema.model_fields.items():
        inner = submodel(info.annotation)
        if inner is not None:
            yield from describe(inner, f"{prefix}{name}.")
            continue
        default = "required" if info.is_required() else repr(info.get_default(call_default_factory=True))
        yield f"{prefix}{name}", default, info.description or ""
