"""What an earlier stage must be, and what is missing, is said before anything is trained."""

from __future__ import annotations

import pytest
import torch

from tasks.core.loading import load_frozen, load_task
from tasks.motion.lm3d_vae_sync import Lm3dVaeSyncConfig, Lm3dVaeSyncTask
from tasks.motion.postnet import PostnetConfig, PostnetTask
from tasks.motion.syncnet import SyncNetConfig, SyncNetTask
from utils.errors import ConfigError
from utils.sound.speech_level import SOUND_LEVEL


def test_settings_that_cannot_work_are_named():
    with pytest.raises(ConfigError, match="give --video_id"):
        PostnetTask(PostnetConfig(task_cls="postnet")).prepare()
    with pytest.raises(ConfigError, match="No data was named"):
        SyncNetTask(SyncNetConfig(task_cls="syncnet")).prepare()


def test_an_earlier_stage_of_another_kind_or_feature_is_refused(tmp_path):
    mel = SyncNetTask(SyncNetConfig(task_cls="syncnet", audio_feature="mel", width=32))
    kept = {"updates": 1, "recipe": mel.cfg.model_dump(mode="json")}
    path = tmp_path / "model_ckpt_steps_1.ckpt"
    torch.save({"state_dict": mel.state_dict(), "vizeme": kept}, path)
    task = Lm3dVaeSyncTask(Lm3dVaeSyncConfig(task_cls="lm3d_vae_sync", audio_feature="mfcc", hidden_size=16))
    with pytest.raises(ConfigError, match=r"listens to 'mel', this recipe to 'mfcc': give --audio_feature mel"):
        load_frozen(task, "syncnet", str(tmp_path), "best", kind="syncnet")
    other = PostnetTask(
        PostnetConfig(task_cls="postnet", audio_feature="mel", width=8, audio2motion_work_dir=str(tmp_path))
    )
    with pytest.raises(ConfigError, match=r"audio2motion_work_dir = .*: that is a run of syncnet, not of lm3d_vae_sy"):
        other.load_speech()


def save_syncnet(folder, extra) -> None:
    task = SyncNetTask(SyncNetConfig(task_cls="syncnet", audio_feature="mel", width=32))
    kept = {"updates": 1, "recipe": task.cfg.model_dump(mode="json"), **extra}
    torch.save({"state_dict": task.state_dict(), "vizeme": kept}, folder / "model_ckpt_steps_1.ckpt")


@pytest.mark.parametrize(("extra", "level"), [({}, ""), ({"extra": {"sound_level": SOUND_LEVEL}}, SOUND_LEVEL)])
def test_a_run_remembers_at_which_level_it_was_trained_and_refuses_data_of_another(tmp_path, extra, level):
    save_syncnet(tmp_path, extra)
    task = load_task(tmp_path / "model_ckpt_steps_1.ckpt")
    assert task.sound_level == level
    assert task.extra_state() == {"sound_level": level}
    task.hear_as(level)
    with pytest.raises(ConfigError, match=r"differ: one is .*as recorded.*train it anew with --reset"):
        task.hear_as("" if level else SOUND_LEVEL)


def test_an_earlier_stage_at_another_level_is_refused(tmp_path):
    save_syncnet(tmp_path, {})
    task = Lm3dVaeSyncTask(Lm3dVaeSyncConfig(task_cls="lm3d_vae_sync", audio_feature="mel", hidden_size=16))
    task.hear_as(SOUND_LEVEL)
    with pytest.raises(ConfigError, match="was trained with sound at another level than this"):
        load_frozen(task, "syncnet", str(tmp_path), "best", kind="syncnet")
