"""A recipe is checked against its schema, all mistakes at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from utils.config.schema import Config, Positive, Weight, describe, parse
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


def test_a_typo_is_named_with_its_remedy():
    raw = {"lr": -1, "weights": {"velocty": 2}}
    with pytest.raises(ConfigError) as error:
        parse(Settings, raw, Path("egs/datasets/videos/May/lm3d_vae_sync.yaml"))
    assert str(error.value) == (
        "egs/datasets/videos/May/lm3d_vae_sync.yaml: 2 setting(s) to mend\n"
        "  lr = -1: input should be greater than 0\n"
        "  weights.velocty: no such setting; write 'velocity'"
    )


def test_help_is_the_string_under_the_field():
    assert ("lr", "0.0005", "Adam step size.") in list(describe(Settings))
    assert ("weights.position", "1.0", "Landmark error.") in list(describe(Settings))


@pytest.mark.parametrize("value", [float("inf"), float("nan"), -float("inf")])
def test_what_is_no_finite_number_is_refused_wherever_a_number_is_wanted(value):
    class Moment(Config):
        start_s: float = 0.0

    with pytest.raises(ConfigError, match=r"start_s = .*finite number"):
        parse(Moment, {"start_s": value}, Path("a.yaml"))
