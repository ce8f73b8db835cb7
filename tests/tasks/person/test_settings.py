"""What is typed after a person's commands becomes settings of their head."""

from __future__ import annotations

import pytest

from tasks.person.settings import InferCommand, SpeakCommand, settings_of
from tests.utils.sound.made_room import syllables
from utils.arguments import read_words
from utils.errors import ConfigError
from utils.media.wav import write_wav


def test_the_track_that_is_heard_can_be_named(tmp_path):
    write_wav(tmp_path / "a.wav", syllables(0.1))
    words = ["May", str(tmp_path / "a.wav"), "out.mp4"]
    assert settings_of(read_words(InferCommand, [*words, "--audio_track", "2"], "infer")) == {"infer_audio_track": 2}
    assert settings_of(read_words(InferCommand, words, "infer")) == {}
    with pytest.raises(ConfigError, match="audio_track"):
        read_words(InferCommand, [*words, "--audio_track", "0"], "infer")


def test_plain_flags_mean_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["anna", "--background", "green", "--blink", "regular", "--still", "--mouth", "1.3", "--compose", "full"]
    words += ["--audio_track", "2"]
    assert settings_of(read_words(SpeakCommand, words, "speak")) == {
        "infer_bg_img_fname": "green", "infer_inject_eye_blink_mode": "period", "infer_pose_mode": "still",
        "infer_mouth_gain": 1.3, "infer_compose": "full", "infer_audio_track": 2,
    }  # fmt: skip
    (tmp_path / "wall.png").write_bytes(b"x")
    own = settings_of(read_words(SpeakCommand, ["anna", "--background=wall.png"], "speak"))
    assert own == {"infer_bg_img_fname": str(tmp_path / "wall.png")}  # as it is from any folder
    twice = read_words(SpeakCommand, ["anna", "--mouth=1.2", "--infer_mouth_gain=1.5"], "speak")
    with pytest.raises(ConfigError, match="--mouth and infer_mouth_gain say the same"):
        settings_of(twice)
    with pytest.raises(ConfigError, match="--blink"):
        read_words(SpeakCommand, ["anna", "--blink=often"], "speak")
