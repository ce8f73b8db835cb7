"""Recipes: a YAML file and its bases, merged.

A recipe is a YAML mapping that may name one or several `base_config` files. Mappings merge over their base, lists
replace.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from utils.config.strict_yaml import read_yaml_file
from utils.errors import ConfigError, nearest
from utils.paths import ROOT, show_path
from utils.processes.manner import note_reading


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


def load_recipe(path: str | Path) -> Recipe:
    """Read a recipe and all its bases; what is wrong with the files is kept in `problems`.

    Raises:
        ConfigError: There is no such recipe; the nearest one is named.
    """
    path = Path(path)
    if not path.is_file() and (ROOT / path).is_file():
        path = ROOT / path
    if not path.is_file():
        recipes = [show_path(p) for p in sorted((ROOT / "egs").rglob("*.yaml"))]
        guess = nearest(str(path), recipes)
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
        note_reading(path)
        try:
            own = read_yaml_file(path)
        except ConfigError as error:
            problems.append(str(error))
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
            values, places = self.read(target, (*above, path))
            merged, origins = merge(merged, values), origins | places
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
