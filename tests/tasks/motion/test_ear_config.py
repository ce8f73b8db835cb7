"""The recipe of the ear keeps to what the program promises of it."""

from __future__ import annotations

from modules.motion.ear import Ear
from tasks.motion.ear_config import EarConfig
from utils.config.recipe import load_recipe


def test_the_recipe_s_ear_is_small_and_hears_little_ahead():
    cfg = EarConfig(**load_recipe("egs/datasets/speech/ear.yaml").values)
    ear = Ear(cfg.channels, kernel=cfg.kernel, ahead=cfg.rows_ahead, expansion=cfg.expansion)
    assert sum(parameter.numel() for parameter in ear.parameters()) <= 4e6
    assert ear.look_ahead <= 0.3
