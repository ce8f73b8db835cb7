"""Settings of the renderers: what a torso must share with its head, and what makes no sense."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.renderer.config import NETWORK, NerfConfig
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
