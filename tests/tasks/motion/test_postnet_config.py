"""Which earlier run a postnet refines is said in its settings."""

from __future__ import annotations

import pytest

from tasks.motion.lm3d_vae_sync import Lm3dVaeSyncConfig
from tasks.motion.postnet import PostnetConfig


def test_which_checkpoint_of_an_earlier_stage_is_best_last_or_a_number():
    for steps in ("best", "last", 4000):
        assert Lm3dVaeSyncConfig(task_cls="lm3d_vae_sync", syncnet_ckpt_steps=steps).syncnet_ckpt_steps == steps
    for setting in ("syncnet_ckpt_steps", "audio2motion_ckpt_steps"):
        with pytest.raises(ValueError, match=setting):
            PostnetConfig(task_cls="postnet", **{setting: "bset"})
