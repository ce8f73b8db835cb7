"""Recipes and settings: strict YAML in, one frozen and typed object out.

A recipe is a YAML mapping that may name one or several `base_config` files. Mappings merge over their base, lists
replace. What is wrong is said all at once, with the file and the nearest known name.
"""

from __future__ import annotations

import re
import types
import typing
import unicodedata
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from utils.errors import ConfigError, nearest

ROOT = Path(__file__).resolve().parents[1]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, lt=2**63)]
Whole = Annotated[int, Field(ge=0, lt=2**63)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Config(BaseModel):
    """A closed, frozen group of settings; the string under a field is its `--help`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

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


@dataclass
class Recipe:
    """A recipe as read: merged values, the files it came from, and where each key was last set.

    Attributes:
        path: The file that was asked for.
        values: Merged settings, `base_config` taken out.
        chain: Every file read, bases first, each once.
        origins: Dotted key -> the file that set it last.
        problems: What is wrong with the files themselves, one line each.
    """

    path: Path
    values: dict[str, Any] = field(default_factory=dict)
    chain: list[Path] = field(default_factory=list)
    origins: dict[str, Path] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


class _StrictLoader(yaml.SafeLoader):
    """Read YAML as SafeLoader does, but refuse repeated keys, merge keys, anchors and aliases.

    Only texts, numbers, yes and no, nothing, lists and mappings: a date stays the text that was typed, and so do 007
    and 1:30, which SafeLoader takes for 7 and 90.
    """

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in known if not tag.endswith((":timestamp", ":int", ":float"))]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Hashable, Any]:
    seen: dict[Hashable, Any] = {}
    for key_node, value_node in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":
            raise yaml.constructor.ConstructorError(
                None, None, "'<<' is not used here; use base_config", key_node.start_mark
            )
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} is not a name", key_node.start_mark)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"'{key}' is given twice", key_node.start_mark)
        seen[key] = loader.construct_object(value_node, deep=True)
    return seen


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


def show_path(path: Path) -> str:
    """Write a path as a person would: relative to the repository when it lies inside."""
    try:
        return str(path.resolve().relative_to(ROOT))
    except ValueError:
        return str(path)


def load_recipe(path: str | Path) -> Recipe:
    """Read a recipe and all its bases; what is wrong with the files is kept in `problems`.

    Raises:
        ConfigError: There is no such recipe; the nearest one is named.
    """
    path = Path(path)
    if not path.is_file() and (ROOT / path).is_file():
        path = ROOT / path
    if not path.is_file():
        known = [show_path(p) for p in sorted((ROOT / "egs").rglob("*.yaml"))]
        guess = nearest(str(path), known)
        raise ConfigError(f"No recipe at {path}." + (f" Did you mean {guess}?" if guess else " See egs/ for recipes."))
    recipe = Recipe(path)
    recipe.values, recipe.origins = _Reader(recipe).read(path, ())
    return recipe


_Read = tuple[dict[str, Any], dict[str, Path]]
"""Values, and dotted key -> the file that set it last."""


class _Reader:
    """Read a recipe and its bases, each file once however often it is named."""

    deepest = 50

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.known: dict[Path, _Read] = {}

    def read(self, path: Path, above: tuple[Path, ...]) -> _Read:
        path = path.resolve()
        if path in above:
            loop = " -> ".join(show_path(p) for p in (*above[above.index(path) :], path))
            self.recipe.problems.append(f"base_config goes in a circle: {loop}")
            return {}, {}
        if len(above) > self.deepest:
            self.recipe.problems.append(f"base_config: more than {self.deepest} recipes deep, at {show_path(path)}")
            return {}, {}
        if path not in self.known:
            self.known[path] = self._read(path, above)
        return self.known[path]

    def _read(self, path: Path, above: tuple[Path, ...]) -> _Read:
        problems = self.recipe.problems
        try:
            own = read_yaml(path.read_text(encoding="utf-8"), show_path(path))
        except ConfigError as error:
            problems.append(str(error))
            return {}, {}
        except (UnicodeDecodeError, OSError) as error:
            problems.append(f"{show_path(path)}: it cannot be read as text ({getattr(error, 'strerror', '') or error})")
            return {}, {}
        if own is None:
            own = {}
        if not isinstance(own, dict):
            problems.append(f"{show_path(path)}: a recipe is a mapping 'name: value', not a {type(own).__name__}")
            return {}, {}
        merged: dict[str, Any] = {}
        origins: dict[str, Path] = {}
        for base in _bases(own.pop("base_config", None)):
            if not isinstance(base, str) or "\0" in base:
                problems.append(f"{show_path(path)}: base_config holds {base!r}, which is not a path")
                continue
            target = (path.parent if base.startswith(".") else ROOT) / base
            if not _is_file(target):
                guess = nearest(base, [show_path(p) for p in (ROOT / "egs").rglob("*.yaml")])
                hint = f"; did you mean {guess}?" if guess else ""
                problems.append(f"{show_path(path)}: base_config {base} does not exist{hint}")
                continue
            values, told = self.read(target, (*above, path))
            merged, origins = merge(merged, values), origins | told
        self.recipe.chain.append(path)
        return merge(merged, own), origins | dict.fromkeys(_dotted(own), path)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long, a link to itself
        return False


def _bases(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay `over` on `base`: mappings merge, all else replaces."""
    out = dict(base)
    for key, value in over.items():
        old = out.get(key)
        out[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return out


def _dotted(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{prefix}{key}.")


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
        ConfigError: As `assignment`.
    """
    name, typed = split_assignment(text)
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
    found: ConfigT | None = None
    try:
        found = schema.model_validate(dict(raw))
    except ValidationError as error:
        for number, item in enumerate(error.errors()):
            name = ".".join(str(part) for part in item["loc"]) or "(whole)"
            if item["type"] == "extra_forbidden":
                group = _group(schema, item["loc"][:-1])
                guess = nearest(str(item["loc"][-1]), group) if number < _HINTS else None
                text = f"{name}: no such setting" + (f"; write '{guess}'" if guess else "") + _look_alike(name)
            elif item["type"] == "missing":
                text = f"{name}: missing; give it a value"
            else:
                message = item["msg"]
                text = f"{name} = {item['input']!r}: {message[0].lower()}{message[1:]}"
            origin = (origins or {}).get(name)
            if origin is not None and origin.resolve() != path.resolve():
                text += f" (in {show_path(origin)})"
            lines.append(text)
    if lines or found is None:
        body = "\n".join(f"  {line}" for line in lines)
        raise ConfigError(f"{show_path(path)}: {len(lines)} setting(s) to mend\n{body}")
    return found


_HINTS = 20
"""So many unknown names get a guess of what was meant: it takes a moment each."""


def _look_alike(name: str) -> str:
    """Name the letters of a setting that only look like a plain one's."""
    strange = [char for char in dict.fromkeys(name) if not char.isascii()]
    told = ", ".join(f"U+{ord(char):04X} {unicodedata.name(char, '')}".rstrip() for char in strange[:3])
    return f" (it holds {told})" if told else ""


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
