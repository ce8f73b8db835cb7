"""A talking head refuses what it cannot write before it hears anything."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
import yaml

from data_gen.clips.corpus import MotionCorpus
from tasks import talking_head
from tasks.core.loading import load_task
from tasks.person.head import TalkingHead
from tasks.speaking.settings import InferSettings
from tasks.speaking.sound import Sound
from tasks.speaking.windows import sound_to_landmarks
from tests.made_heads import make_house
from utils.errors import DataError, UserError


def test_a_video_is_an_mp4():
    head = TalkingHead(None, None, None, None)
    with pytest.raises(DataError) as error:
        head.speak_to("speech.wav", "speech.avi")
    assert str(error.value) == "speech.avi: the video is an mp4; end its name in .mp4"


def test_a_sound_that_is_not_there_is_named(tmp_path):
    head = TalkingHead(None, None, None, InferSettings())
    with pytest.raises(DataError, match=r"nothing\.wav does not exist"):
        next(head.speak(tmp_path / "nothing.wav"))
    assert not list(tmp_path.iterdir())


def test_a_head_that_is_not_trained_is_not_drawn_in_silence(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(make_house(tmp_path))
    TalkingHead.load("made", device="cpu", settings={"infer_compose": "head"})
    assert not caplog.records
    shutil.rmtree("checkpoints/made/lm3d_nerf")
    TalkingHead.load("made", device="cpu", settings={"infer_compose": "head"})
    assert "No lm3d_nerf is trained for made: its torso is drawn, too" in caplog.text


def test_a_run_in_the_place_of_another_is_told_by_every_command(tmp_path, monkeypatch):
    monkeypatch.chdir(make_house(tmp_path))
    shutil.rmtree("checkpoints/made/postnet")
    shutil.copytree("checkpoints/made/syncnet", "checkpoints/made/postnet")
    for words in (["infer", "made", "voice.wav", "a.mp4"], ["evaluate", "made"], ["pack", "made"]):
        with pytest.raises(UserError, match=r"checkpoints/made/postnet.* is a run of syncnet, not of postnet"):
            talking_head.main(words)
    assert not list(tmp_path.glob("*.vizeme"))


def test_a_person_whose_motion_is_not_trained_moves_as_many_talkers_do(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(make_house(tmp_path))
    shutil.rmtree("checkpoints/made/postnet")
    shipped = TalkingHead.load("made", device="cpu")
    assert shipped.postnet.cfg.audio_feature == "ear"
    with Sound(tmp_path / "voice.wav") as sound:
        moved = shipped.landmarks(sound) - shipped.video.landmarks_mean
    assert 0.01 < float(moved[:, 48:68].std(axis=0).mean()) < 1
    speech = load_task("made/lm3d_vae_sync", settings={"centred": True})
    run = tmp_path / "checkpoints/talkers/lm3d_vae_sync"
    run.mkdir(parents=True)
    recipe = speech.cfg.model_dump(mode="json")
    kept = {"updates": 1, "recipe": recipe, "extra": speech.extra_state()}
    torch.save({"state_dict": speech.state_dict(), "vizeme": kept}, run / "model_ckpt_steps_1.ckpt")
    (run / "config.yaml").write_text(yaml.safe_dump(recipe))
    head = TalkingHead.load("made", device="cpu", settings={"infer_temperature": 0.0})
    assert "No motion is trained for made: the face moves as many talkers' do" in caplog.text
    with Sound(tmp_path / "voice.wav") as sound:
        as_many = sound_to_landmarks(speech, sound, temperature=0.0)
        speech.wear(head.video.landmarks_mean, MotionCorpus([head.video.path], speech.cfg.audio_feature))
        expected = sound_to_landmarks(speech, sound, temperature=0.0)
        np.testing.assert_allclose(head.landmarks(sound), expected, atol=1e-4)
    assert not np.allclose(expected, as_many + head.video.landmarks_mean, atol=1e-3), "lips part as widely as his"
    assert head.speak_to(tmp_path / "voice.wav", tmp_path / "made.mp4").is_file()
