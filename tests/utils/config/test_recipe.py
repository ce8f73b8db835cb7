"""Bases merge, and every mistake is said with its file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.utils.config.test_schema import Settings
from utils.config.recipe import load_recipe
from utils.config.schema import parse
from utils.errors import ConfigError


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_mappings_merge_and_lists_replace(tmp_path):
    write(tmp_path / "base.yaml", "lr: 1.0\nnames: [a, b]\nweights: {position: 2.0, velocity: 1.0}\n")
    own = write(tmp_path / "own.yaml", "base_config: ./base.yaml\nnames: [c]\nweights: {velocity: 5.0}\n")
    recipe = load_recipe(own)
    assert recipe.values == {"lr": 1.0, "names": ["c"], "weights": {"position": 2.0, "velocity": 5.0}}
    assert [p.name for p in recipe.chain] == ["base.yaml", "own.yaml"]


def test_later_bases_win(tmp_path):
    write(tmp_path / "a.yaml", "lr: 1.0\n")
    write(tmp_path / "b.yaml", "lr: 2.0\n")
    own = write(tmp_path / "own.yaml", "base_config: [./a.yaml, ./b.yaml]\n")
    assert load_recipe(own).values == {"lr": 2.0}


def test_every_mistake_is_said_at_once(tmp_path):
    write(tmp_path / "base.yaml", "lr: fast\n")
    own = write(tmp_path / "own.yaml", "base_config: [./base.yaml, ./gone.yaml]\nnaems: [a]\n")
    recipe = load_recipe(own)
    with pytest.raises(ConfigError) as error:
        parse(Settings, recipe.values, own, origins=recipe.origins, problems=recipe.problems)
    text = str(error.value)
    assert "3 setting(s) to mend" in text
    assert "base_config ./gone.yaml does not exist" in text
    assert (
        f"lr = 'fast': input should be a valid number, unable to parse string as a number (in {tmp_path}/base.yaml)"
        in text
    )
    assert "naems: no such setting; write 'names'" in text


def test_a_circle_of_bases_is_named(tmp_path):
    write(tmp_path / "a.yaml", "base_config: ./b.yaml\n")
    write(tmp_path / "b.yaml", "base_config: ./a.yaml\n")
    assert "goes in a circle" in load_recipe(tmp_path / "a.yaml").problems[0]


def test_a_missing_recipe_names_the_nearest():
    with pytest.raises(ConfigError, match="No recipe at egs/nothing_like_it"):
        load_recipe("egs/nothing_like_it.yaml")
