"""What is typed wins over what would switch it off, and the later file over the earlier; it is said."""

from __future__ import annotations

from typing import ClassVar

import pytest

from tasks.registry import TASKS, schema_of
from utils.config.overruled import let_typed_win, switched_off
from utils.config.recipe import load_recipe
from utils.config.schema import Config
from utils.errors import ConfigError


class Weights(Config):
    l1: float = 50.0


class Trained(Config):
    overrules: ClassVar = {"epochs": "max_updates", "l1_coef": "weights.l1"}

    max_updates: int = 100
    epochs: int = 0
    l1_coef: float | None = None
    weights: Weights = Weights()


def recipe_of(tmp_path, base, own=""):
    (tmp_path / "base.yaml").write_text(base)
    (tmp_path / "own.yaml").write_text(f"base_config: ./base.yaml\n{own}")
    return load_recipe(tmp_path / "own.yaml")


def test_what_is_typed_wins_over_the_recipes_epochs(tmp_path):
    recipe = recipe_of(tmp_path, "epochs: 32")
    recipe.values["max_updates"] = 240
    lines = let_typed_win(Trained, recipe, {"max_updates": 240})
    assert recipe.values == {"epochs": 0, "max_updates": 240}
    assert lines == ["max_updates = 240 counts: epochs = 32 of the recipe is switched off by it."]


def test_epochs_that_are_typed_win_as_they_always_did(tmp_path):
    recipe = recipe_of(tmp_path, "max_updates: 7")
    recipe.values["epochs"] = 2
    assert let_typed_win(Trained, recipe, {"epochs": 2}) == [
        "epochs = 2 counts: max_updates = 7 of the recipe is not used."
    ]
    assert recipe.values["epochs"] == 2


def test_a_setting_in_a_group_is_a_setting_too(tmp_path):
    recipe = recipe_of(tmp_path, "l1_coef: 7")
    recipe.values["weights"] = {"l1": 3}
    assert let_typed_win(Trained, recipe, {"weights.l1": 3}) == [
        "weights.l1 = 3 counts: l1_coef = 7 of the recipe is switched off by it."
    ]
    assert recipe.values["l1_coef"] is None


def test_the_later_file_wins_and_one_file_may_not_say_both(tmp_path):
    recipe = recipe_of(tmp_path, "epochs: 32", "max_updates: 240")
    assert let_typed_win(Trained, recipe, {}) == [
        "max_updates = 240 counts: epochs = 32 of the recipe is switched off by it."
    ]
    assert recipe.values["epochs"] == 0
    recipe = recipe_of(tmp_path, "epochs: 32\nmax_updates: 240")
    with pytest.raises(ConfigError, match=r"epochs = 32 and max_updates = 240: the one takes the other's place"):
        let_typed_win(Trained, recipe, {})
    recipe = recipe_of(tmp_path, "{}")
    recipe.values |= {"epochs": 2, "max_updates": 3}
    with pytest.raises(ConfigError, match="give one"):
        let_typed_win(Trained, recipe, {"epochs": 2, "max_updates": 3})


def test_a_runs_own_copy_says_both_and_means_what_it_meant(tmp_path):
    (tmp_path / "config.yaml").write_text("epochs: 32\nmax_updates: 800\n")
    recipe = load_recipe(tmp_path / "config.yaml")
    assert let_typed_win(Trained, recipe, {}) == []
    recipe.values["max_updates"] = 900
    let_typed_win(Trained, recipe, {"max_updates": 900})
    assert recipe.values == {"epochs": 0, "max_updates": 900}


def test_what_a_rehearsal_changes_is_not_overruled():
    assert switched_off(Trained, {"max_updates": 3}) == {"epochs": 0, "max_updates": 3}
    assert switched_off(Trained, {"seed": 3}) == {"seed": 3}


def test_every_setting_that_takes_anothers_place_says_so_in_one_table():
    """A text that says so belongs to a setting that the rule knows, and each rule names settings that there are."""
    for name in TASKS:
        schema = schema_of(name)
        for winner, loser in schema.overrules.items():
            group = schema
            for part in loser.split("."):
                field = group.model_fields[part]
                group = field.annotation
            assert winner in schema.model_fields
        for setting, field in schema.model_fields.items():
            text = field.description or ""
            if "instead of counting" in text or "wins over" in text:
                assert setting in schema.overrules, f"{name}.{setting}"
