"""What is typed after a person's commands becomes settings of their head."""

from __future__ import annotations

import pytest

from tasks.person.settings import DubCommand, EvaluateCommand, InferCommand, SpeakCommand, settings_of
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
    unmarked = read_words(SpeakCommand, ["anna", "--no-mark", "--label=both"], "speak")
    assert settings_of(unmarked) == {"infer_mark": False, "infer_label": "both"}
    twice = read_words(SpeakCommand, ["anna", "--mouth=1.2", "--infer_mouth_gain=1.5"], "speak")
    with pytest.raises(ConfigError, match="--mouth and infer_mouth_gain say the same"):
        settings_of(twice)
    with pytest.raises(ConfigError, match="--blink"):
        read_words(SpeakCommand, ["anna", "--blink=often"], "speak")


@pytest.mark.parametrize(("kind", "words"), [
    (SpeakCommand, ["anna"]), (DubCommand, ["anna", "own.mp4", "voice.wav", "out.mp4"]), (EvaluateCommand, ["anna"]),
])  # fmt: skip
def test_what_nothing_reads_while_a_person_speaks_is_refused(kind, words):
    for text, name in (("lr=1", "lr"), ("weights.rgb=2", "weights.rgb"), ("infer_out_video_name=a.mp4",) * 2):
        command = read_words(kind, [*words, "--set", text, "--set", "infer_scale_factor=0.5"], "speak")
        with pytest.raises(ConfigError) as error:
            settings_of(command)
        assert str(error.value).startswith(f"{name.split('=')[0]}: nothing reads that while a person speaks. Leave it")
    drawn = ["n_samples_per_ray=8", "infer_bf16=false", "size=64", "binary_data_dir=there", "infer_mouth_gain=1.2"]
    command = read_words(kind, [*words, *(word for text in drawn for word in ("--set", text))], "speak")
    assert len(settings_of(command)) == len(drawn)
    with pytest.raises(ConfigError, match="lr, max_updates: nothing reads"):
        settings_of(read_words(kind, [*words, "--set=lr=1", "--max_updates=2"], "speak"))
