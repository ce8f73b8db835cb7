"""What an earlier stage must be, and what is missing, is said before anything is trained."""

from __future__ import annotations

import json

import pytest
import torch

from data_gen.clips.corpus import MotionCorpus
from tasks.core.loading import load_frozen, load_task
from tasks.motion.lm3d_vae_sync import Lm3dVaeSyncConfig, Lm3dVaeSyncTask
from tasks.motion.postnet import PostnetConfig, PostnetTask
from tasks.motion.syncnet import SyncNetConfig, SyncNetTask
from tests.made import make_video_dataset
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


def test_a_run_remembers_by_which_ear_it_was_trained_and_is_not_opened_with_another(tmp_path, monkeypatch):
    data = make_video_dataset(tmp_path / "a", frames=120, size=16)
    meta = json.loads((data.path / "meta.json").read_text())
    (data.path / "meta.json").write_text(json.dumps({**meta, "ears": {"mel": "0" * 16}}))
    settings = {"task_cls": "syncnet", "audio_feature": "mel", "width": 32, "video_id": "a"}
    task = SyncNetTask(SyncNetConfig(**settings, person_binary_data_dir=str(tmp_path)))
    task.prepare()
    assert task.extra_state()["ear"] == "0" * 16
    kept = {"updates": 1, "recipe": task.cfg.model_dump(mode="json"), "extra": task.extra_state()}
    torch.save({"state_dict": task.state_dict(), "vizeme": kept}, tmp_path / "model_ckpt_steps_1.ckpt")
    assert load_task(tmp_path).extra_state() == task.extra_state()
    (tmp_path / "mel").touch()
    monkeypatch.setattr("data_gen.ear.is_ear", lambda name: True)
    monkeypatch.setattr("data_gen.ear._file", lambda *_: tmp_path / "mel")
    with pytest.raises(ConfigError, match=r"goes with another ear \(0{16}\) .*Bring that ear back, or train anew with"):
        load_task(tmp_path)
    with pytest.raises(ConfigError, match=r"goes with another ear \(0{16}\) .*Process the video again"):
        MotionCorpus([data.path], "mel")


def test_an_earlier_stage_at_another_level_is_refused(tmp_path):
    save_syncnet(tmp_path, {})
    task = Lm3dVaeSyncTask(Lm3dVaeSyncConfig(task_cls="lm3d_vae_sync", audio_feature="mel", hidden_size=16))
    task.hear_as(SOUND_LEVEL)
    with pytest.raises(ConfigError, match="was trained with sound at another level than this"):
        load_frozen(task, "syncnet", str(tmp_path), "best", kind="syncnet")
