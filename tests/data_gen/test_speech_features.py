"""Speech features by name, and ears from files."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from data_gen import speech_features
from data_gen.speech_features import audio_features, feature_width, hears_words, open_ear
from modules.motion.ear import Ear
from tests.utils.sound.test_features import tone
from utils.errors import AssetError, DataError

RECIPE = {"channels": 8, "kernel": 3, "rows_ahead": [1, 1], "expansion": 2}


def small_ear() -> Ear:
    torch.manual_seed(0)
    return Ear(8, kernel=3, ahead=[1, 1], expansion=2)


def written(file, recipe=RECIPE, task="ear", **more):
    state = {f"model.{name}": value.half() for name, value in small_ear().state_dict().items()} | more
    save_file(state, file, {"vizeme": json.dumps({"task": task, "recipe": recipe})})
    return f"ear@{file}"


@pytest.mark.parametrize("frames", [1, 7, 40])
def test_there_are_two_rows_a_video_frame(frames):
    for name, width in (("mel", 80), ("mfcc", 39)):
        assert audio_features(tone(0.5), name, frames).shape == (2 * frames, width)
    for name in ("pitch_hz", "rms"):
        assert audio_features(tone(0.5), name, frames).shape == (2 * frames,)
    assert len(audio_features(tone(0.5), "mel")) == 26


def test_an_unknown_feature_is_named():
    with pytest.raises(DataError, match="No speech feature is called 'mell'"):
        audio_features(tone(0.1), "mell")


def test_an_ear_of_ones_own_is_heard_whole_whatever_the_blocks(tmp_path, monkeypatch):
    name = written(tmp_path / "mine.safetensors")
    assert feature_width(name) == 512
    assert hears_words(name)
    wav = tone(1.0)
    whole = audio_features(wav, name)
    assert whole.shape == (50, 512)
    monkeypatch.setattr(speech_features, "_BLOCK", 3200)
    np.testing.assert_allclose(audio_features(wav, name), whole, atol=1e-5)
    assert not open_ear(name).training


@pytest.mark.parametrize(
    ("break_it", "why"),
    [
        (lambda file: None, "does not exist"),
        (lambda file: file.write_bytes(b"PK" * 50), "is no ear"),
        (lambda file: written(file, task="wav2pix"), "does not say that it is one"),
        (lambda file: written(file, recipe={**RECIPE, "channels": 9}), "is no ear"),
        (lambda file: written(file, recipe={**RECIPE, "kernel": "x"}), "is no ear"),
        (lambda file: written(file, **{"model.more": torch.ones(1)}), "is no ear"),
    ],
)
def test_what_is_no_ear_is_refused_in_one_line(tmp_path, break_it, why):
    file = tmp_path / "ear.safetensors"
    break_it(file)
    with pytest.raises(AssetError, match=why) as refused:
        audio_features(tone(0.1), f"ear@{file}")
    assert "\n" not in str(refused.value)


def test_words_are_heard_by_networks_only():
    assert [name for name in ("mel", "mfcc", "ear@x", "whisper:3-5", "hubert") if hears_words(name)] == [
        "ear@x", "whisper:3-5", "hubert",
    ]  # fmt: skip
    with pytest.raises(DataError, match="No speech feature is called 'ear'"):
        feature_width("ear")
