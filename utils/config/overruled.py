"""Two settings of which one switches the other off: what is typed wins, and what it overrules is said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from utils.config.recipe import Recipe
from utils.config.schema import RUN_COPY, Config
from utils.errors import ConfigError
from utils.paths import show_path


def let_typed_win(schema: type[Config], recipe: Recipe, typed: Mapping[str, Any]) -> list[str]:
    """Switch off in a recipe what would overrule a setting that was typed, or that a later file of it gives.

    Args:
        schema: Its `overrules` says which settings switch which others off.
        recipe: Its values hold what was typed already.
        typed: Dotted name -> value.

    Returns:
        What no longer counts, a line each.

    Raises:
        ConfigError: Both were typed, or stand in the same file.
    """
    lines, problems = [], []
    for winner, loser in schema.overrules.items():
        off = schema.model_fields[winner].default
        value, other = recipe.values.get(winner, off), _value(recipe.values, loser)
        if value == off or other is None:
            continue
        first, second = (_place(recipe, typed, name) for name in (winner, loser))
        if first == second and first >= 0:
            problems.append(f"{winner} = {value!r} and {loser} = {other!r}: the one takes the other's place; give one")
        elif second > first:
            recipe.values[winner] = off
            recipe.origins.pop(winner, None)
            lines.append(f"{loser} = {other!r} counts: {winner} = {value!r} of the recipe is switched off by it.")
        elif first >= 0:
            lines.append(f"{winner} = {value!r} counts: {loser} = {other!r} of the recipe is not used.")
    if problems:
        body = "\n".join(f"  {line}" for line in problems)
        raise ConfigError(f"{show_path(recipe.path)}: {len(problems)} setting(s) to mend\n{body}")
    return lines


def switched_off(schema: type[Config], changed: Mapping[str, Any]) -> dict[str, Any]:
    """Return changed settings, and with them those switched off that would overrule them."""
    off = {w: schema.model_fields[w].default for w, loser in schema.overrules.items() if loser in changed}
    return {**off, **changed}


def _place(recipe: Recipe, typed: Mapping[str, Any], name: str) -> int:
    """Return how late a setting was given: the order of its file, beyond the last when typed, -1 by nobody."""
    if name in typed:
        return len(recipe.chain)
    origin: Path | None = next((recipe.origins[part] for part in _outward(name) if part in recipe.origins), None)
    if origin is None or origin.name == RUN_COPY:  # a run's own copy says all there is, whoever meant it
        return -1
    return recipe.chain.index(origin) if origin in recipe.chain else -1


def _outward(name: str) -> Iterator[str]:
    """Yield a dotted name, and those of the groups that hold it."""
    while name:
        yield name
        name = name.rpartition(".")[0]


def _value(values: Mapping[str, Any], dotted: str) -> Any:
    """Return the value of a dotted name, None when nobody gave one."""
    for part in dotted.split("."):
        values = values.get(part) if isinstance(values, Mapping) else None  # type: ignore[assignment]
    return values
