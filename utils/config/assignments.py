"""Settings as they are typed: name=value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from utils.config.schema import Config, former, submodel
from utils.config.strict_yaml import read_yaml
from utils.errors import ConfigError


def split_hparams(text: str) -> list[str]:
    """Split "a=1,b=[1,2],c='x,y'" at the commas that stand outside brackets and quotes."""
    parts, depth, quote, start = [], 0, "", 0
    for i, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "[{(":
            depth += 1
        elif char in "]})":
            depth -= 1
        elif char == "," and depth <= 0:
            parts.append(text[start:i])
            start = i + 1
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]


def split_assignment(text: str) -> tuple[str, str]:
    """Split "b.c=2" into the dotted name and the value as it was typed.

    Raises:
        ConfigError: There is no `=`, or no name.
    """
    name, equals, value = text.partition("=")
    name = name.strip()
    if not equals or not name:
        raise ConfigError(f"'{text}' is not a setting; write name=value")
    return name, value


def assignment(text: str) -> tuple[str, Any]:
    """Read "b.c=2" as the dotted name and its YAML value.

    Raises:
        ConfigError: There is no `=`, no name, or the value is not YAML.
    """
    name, value = split_assignment(text)
    return name, _number(read_yaml(value, f"{name}={value}"))


def typed_assignment(schema: type[Config], text: str) -> tuple[str, Any]:
    """Read "b.c=2" as `assignment` does, but keep what is typed for a name or a path: --video_id 007 is no number.

    Raises:
        ConfigError: As `assignment`; or the setting is called otherwise today.
    """
    name, typed = split_assignment(text)
    if answer := former(schema, name):
        raise ConfigError(f"--{answer}")
    if _annotation(schema, name) is not str:
        return assignment(text)
    try:
        value = read_yaml(typed, name)
    except ConfigError:
        return name, typed
    return name, value if isinstance(value, str) else typed.strip()


def _annotation(schema: type[Config], dotted: str) -> Any:
    """Return the type of the setting with this dotted name; None when there is no such setting."""
    *outer, last = dotted.split(".")
    group: type[Config] | None = schema
    for part in outer:
        info = group.model_fields.get(part) if group else None
        group = submodel(info.annotation) if info else None
    info = group.model_fields.get(last) if group else None
    return info.annotation if info else None


def _number(value: Any) -> Any:
    """Read 5e-4 as a number on the command line, where a person means it as one."""
    if isinstance(value, str):
        try:
            return float(value) if value.isascii() and value.strip().lstrip("+-")[:1].isdigit() else value
        except ValueError:
            return value
    return value


def set_dotted(values: dict[str, Any], name: str, value: Any) -> None:
    """Set `values["b"]["c"]` for the name "b.c"."""
    *outer, last = name.split(".")
    for key in outer:
        inner = values.get(key)
        values[key] = dict(inner) if isinstance(inner, Mapping) else {}
        values = values[key]
    values[last] = value
