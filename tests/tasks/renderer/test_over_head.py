"""What learns around a head refuses one that is not there, of another kind, or of another shape."""

from __future__ import annotations

import pytest
import torch

from tasks.core.trainer import train
from tasks.motion.syncnet import SyncNetConfig, SyncNetTask
from tasks.renderer.lm3d_nerf import Lm3dNerfTask
from tasks.renderer.lm3d_nerf_portrait import Lm3dNerfPortraitTask
from tasks.renderer.lm3d_nerf_torso import Lm3dNerfTorsoTask
from tests.tasks.renderer.small import settings
from utils.errors import ConfigError, DataError

NAMES = {Lm3dNerfTorsoTask: "lm3d_nerf_torso", Lm3dNerfPortraitTask: "lm3d_nerf_portrait"}


@pytest.mark.parametrize("kind", [Lm3dNerfTorsoTask, Lm3dNerfPortraitTask])
def test_a_head_that_is_not_there_or_of_another_shape_or_kind_is_refused(video, tmp_path, kind):
    with pytest.raises(DataError, match="No checkpoint in"):
        kind(settings(video, task_cls=NAMES[kind], head_model_dir=str(tmp_path))).prepare()
    train(Lm3dNerfTask(settings(video, max_updates=1, n_bases=2)), tmp_path / "head")
    with pytest.raises(ConfigError, match=r"trained with other settings\. Set here too: n_bases: 2"):
        kind(settings(video, task_cls=NAMES[kind], head_model_dir=str(tmp_path / "head"))).prepare()
    syncnet = SyncNetTask(SyncNetConfig(task_cls="syncnet", audio_feature="mfcc", width=8))
    kept = {"updates": 1, "recipe": syncnet.cfg.model_dump(mode="json")}
    path = tmp_path / "model_ckpt_steps_1.ckpt"
    torch.save({"state_dict": syncnet.state_dict(), "vizeme": kept}, path)
    with pytest.raises(ConfigError) as error:
        kind(settings(video, task_cls=NAMES[kind], head_model_dir=str(path))).prepare()
    assert str(error.value) == f"head_model_dir = {path}: that is a run of syncnet, not of lm3d_nerf."
