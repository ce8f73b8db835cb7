from pathlib import Path

import pytest

from utils.config.assignments import assignment, set_dotted, split_hparams
from utils.config.recipe import load_recipe
from utils.config.schema import Config, Positive, Weight, describe, parse
from utils.config.strict_yaml import read_yaml
from utils.errors import ConfigError


class Weights(Config):
    position: Weight = 1.0
    """Landmark error."""
    velocity: Weight = 3.0


class Settings(Config):
    """Test settings."""

    lr: Positive = 5e-4
    """Adam step size."""
    names: list[str] = []
    weights: Weights = Weights()


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_typo_is_named_with_its_remedy():
    raw = {"lr": -1, "weights": {"velocty": 2}}
    with pytest.raises(ConfigError) as error:
        parse(Settings, raw, Path("egs/datasets/videos/May/lm3d_vae_sync.yaml"))
    assert str(error.value) == (
        "egs/datasets/videos/May/lm3d_vae_sync.yaml: 2 setting(s) to mend\n"
        "  lr = -1: input should be greater than 0\n"
        "  weights.velocty: no such setting; write 'velocity'"
    )


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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lr: 1\nlr: 2\n", "x line 2: 'lr' is given twice"),
        ("a: &x 1\nb: *x\n", "x line 2: anchors and aliases are not used here"),
        ("1: 2\n", "x line 1: the key 1 is not a name"),
        ("a: !!python/object:os.system x\n", "x line 1: the tag !!python/object:os.system is not used here"),
        ("a: [1\n", "x line 2: expected ',' or ']'"),
    ],
)
def test_bad_yaml_is_refused_with_its_line(text, message):
    with pytest.raises(ConfigError) as error:
        read_yaml(text, "x")
    assert str(error.value).startswith(message)


def test_a_missing_recipe_names_the_nearest():
    with pytest.raises(ConfigError, match="No recipe at egs/nothing_like_it"):
        load_recipe("egs/nothing_like_it.yaml")


def test_command_line_values_keep_commas_in_brackets():
    assert split_hparams("a=1,b=[1, 2],c='x,y', d={p: 1, q: 2}") == ["a=1", "b=[1, 2]", "c='x,y'", "d={p: 1, q: 2}"]
    assert assignment("b=[1, 2]") == ("b", [1, 2])
    assert assignment("lr=5e-4") == ("lr", 5e-4)
    assert assignment("name=a=b") == ("name", "a=b")
    with pytest.raises(ConfigError, match="'lr' is not a setting; write name=value"):
        assignment("lr")


def test_dotted_names_reach_inside_without_touching_the_source():
    inner = {"velocity": 1.0}
    values = {"weights": inner}
    set_dotted(values, "weights.velocity", 9.0)
    assert values == {"weights": {"velocity": 9.0}}
    assert inner == {"velocity": 1.0}


def test_help_is_the_string_under_the_field():
    assert ("lr", "0.0005", "Adam step size.") in list(describe(Settings))
    assert ("weights.position", "1.0", "Landmark error.") in list(describe(Settings))
