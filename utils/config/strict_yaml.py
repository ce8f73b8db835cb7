"""YAML without surprises: no repeated keys, no anchors, no tags."""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from utils.errors import ConfigError
from utils.paths import show_path


class _StrictLoader(yaml.SafeLoader):
    """Read YAML as SafeLoader does, but refuse repeated keys, merge keys, anchors and aliases.

    Only texts, numbers, yes and no, nothing, lists and mappings: a date stays the text that was typed, and so do 007
    and 1:30, which SafeLoader takes for 7 and 90.
    """

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":int", ":float"))]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Hashable, Any]:
    mapping: dict[Hashable, Any] = {}
    for key_node, value_node in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":
            raise yaml.constructor.ConstructorError(
                None, None, "'<<' is not used here; use base_config", key_node.start_mark
            )
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} is not a name", key_node.start_mark)
        if key in mapping:
            raise yaml.constructor.ConstructorError(None, None, f"'{key}' is given twice", key_node.start_mark)
        mapping[key] = loader.construct_object(value_node, deep=True)
    return mapping


def _no_tag(loader: _StrictLoader, node: yaml.Node) -> Any:
    tag = node.tag.replace("tag:yaml.org,2002:", "!!")
    raise yaml.constructor.ConstructorError(None, None, f"the tag {tag} is not used here", node.start_mark)


def _no_alias(loader: _StrictLoader, parent: Any, index: Any) -> Any:
    if loader.check_event(yaml.events.AliasEvent):
        event = loader.peek_event()
        raise yaml.composer.ComposerError(None, None, "anchors and aliases are not used here", event.start_mark)
    return yaml.SafeLoader.compose_node(loader, parent, index)


_INT = re.compile(r"[-+]?(?:0|[1-9][0-9_]*|0b[0-1_]+|0x[0-9a-fA-F_]+)$")
_FLOAT = re.compile(
    r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|\.(?:inf|Inf|INF))$"
    r"|\.(?:nan|NaN|NAN)$"
)
_StrictLoader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))
_StrictLoader.add_implicit_resolver("tag:yaml.org,2002:int", _INT, list("-+0123456789"))


for _tag in (None, *(f"tag:yaml.org,2002:{name}" for name in ("timestamp", "binary", "omap", "pairs", "set"))):
    _StrictLoader.add_constructor(_tag, _no_tag)  # type: ignore[type-var]


_StrictLoader.add_constructor("tag:yaml.org,2002:map", _mapping)  # type: ignore[type-var]
_StrictLoader.compose_node = _no_alias  # type: ignore[method-assign,assignment]


def read_yaml_file(path: Path) -> Any:
    """Read a YAML file strictly.

    Raises:
        ConfigError: It is missing, no text in UTF-8, not YAML, or repeats a key.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError) as error:
        reason = getattr(error, "strerror", "") or error
        raise ConfigError(f"{show_path(path)}: it cannot be read as text ({reason})") from None
    return read_yaml(text, show_path(path))


def read_yaml(text: str, where: str) -> Any:
    """Read one YAML document strictly.

    Raises:
        ConfigError: It is not YAML, or repeats a key; with the line.
    """
    try:
        return yaml.load(text, _StrictLoader)  # noqa: S506 -- a SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ConfigError(f"{where}{line}: {problem}") from None
    except RecursionError:
        raise ConfigError(f"{where}: its brackets or indentations are too deep in each other") from None
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None
