"""A setting of speaking that makes no sense is refused before anything is rendered."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.speaking.settings import InferSettings
from utils.config.schema import parse
from utils.errors import ConfigError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("infer_sil_db", 0.0),
        ("infer_sil_seconds", 0.0),
        ("infer_mouth_gain", 0.0),
        ("infer_lm3d_lle_percent", 1.5),
        ("infer_smooth_camera_path_kernel_size", 0),
        ("infer_scale_factor", -1.0),
        ("infer_pose_mode", "stil"),
    ],
)
def test_a_value_beyond_its_bounds_is_named(name, value):
    with pytest.raises(ConfigError, match=name):
        parse(InferSettings, {name: value}, Path("recipe.yaml"))


def test_without_a_word_it_speaks_as_the_footage_moves():
    settings = parse(InferSettings, {}, Path("recipe.yaml"))
    assert (settings.infer_pose_mode, settings.infer_inject_eye_blink_mode) == ("loop", "gt")
    assert settings.infer_temperature is None, "the postnet's recipe says"
