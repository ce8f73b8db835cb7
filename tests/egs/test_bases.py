"""A base recipe holds only what differs from the schema: else a default is said twice, and one of the two may lie."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.registry import task_class
from utils.config.recipe import load_recipe
from utils.config.strict_yaml import read_yaml

ROOT = Path(__file__).resolve().parents[2]
BASES = sorted((ROOT / "egs" / "egs_bases").rglob("*.yaml"))
RENDERERS = ("lm3d_nerf", "lm3d_nerf_torso", "lm3d_nerf_portrait")
"""Whose settings a base without a task of its own has."""


def leaves(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def bases_of(path: Path) -> list[Path]:
    named = read_yaml(path.read_text(encoding="utf-8"), str(path)).get("base_config", [])
    names = [named] if isinstance(named, str) else named
    return [(path.parent / name if name.startswith("./") else ROOT / name).resolve() for name in names]


def laid_over(path: Path) -> set[str]:
    """List the settings of the recipes that a base stands on, by its own word or where a recipe lists it after them."""
    below = bases_of(path)
    for recipe in (ROOT / "egs").rglob("*.yaml"):
        bases = bases_of(recipe)
        if path in bases:
            below += bases[: bases.index(path)]
    return {name for base in below for name, _ in leaves(load_recipe(base).values)}


def repeated(path: Path, kind: str) -> list[str]:
    """List the settings of a base that a task has anyway, those apart that win over what it is laid over."""
    own = dict(leaves(read_yaml(path.read_text(encoding="utf-8"), str(path))))
    defaults = dict(leaves(task_class(kind).schema(task_cls=kind).model_dump(mode="json")))
    names = [name for name, value in own.items() if name != "task_cls" and name in defaults and defaults[name] == value]
    return sorted(set(names) - laid_over(path))


@pytest.mark.parametrize("path", BASES, ids=lambda path: path.stem)
def test_a_base_repeats_no_default(path):
    kinds = [load_recipe(path).values["task_cls"]] if "task_cls" in load_recipe(path).values else list(RENDERERS)
    lists = [repeated(path, kind) for kind in kinds]
    assert not set.intersection(*map(set, lists))


def test_a_repeated_default_would_be_seen(tmp_path):
    path = tmp_path / "base.yaml"
    default = task_class("syncnet").schema(task_cls="syncnet")
    path.write_text(f"task_cls: syncnet\nbatch_size: 7\nlr: {default.lr}\n")
    assert repeated(path, "syncnet") == ["lr"]
