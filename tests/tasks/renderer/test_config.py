"""Settings of the renderers: what a torso must share with its head, and what makes no sense."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.renderer.config import NETWORK, NerfConfig
from utils.config.assignments import typed_assignment
from utils.config.schema import parse
from utils.errors import ConfigError


def test_what_a_torso_shares_with_its_head_are_settings():
    assert set(NETWORK) <= set(NerfConfig.model_fields)


def test_every_slip_is_said_at_once_with_what_was_meant():
    raw = {"task_cls": "lm3d_nerf", "upsample": 3, "smo_win_size": 26, "weights": {"strukture": 1}}
    with pytest.raises(ConfigError) as error:
        parse(NerfConfig, raw, Path("egs/may.yaml"))
    said = str(error.value).splitlines()
    assert said[0] == "egs/may.yaml: 3 setting(s) to mend"
    assert "  smo_win_size = 26: input should be less than or equal to 25" in said
    assert "  weights.strukture: no such setting; write 'structure'" in said


def test_a_setting_that_is_gone_is_left_out_of_a_recipe_and_read_over_in_a_run():
    raw = {"task_cls": "lm3d_nerf", "infer_compile": False}
    with pytest.raises(ConfigError, match=r"infer_compile: no such setting any more"):
        parse(NerfConfig, raw, Path("mine.yaml"))
    assert parse(NerfConfig, raw, Path("checkpoints/x/config.yaml")) == parse(
        NerfConfig, {"task_cls": "lm3d_nerf"}, Path("mine.yaml")
    )
    with pytest.raises(ConfigError, match=r"^--infer_compile: no such setting any more"):
        typed_assignment(NerfConfig, "infer_compile=true")
