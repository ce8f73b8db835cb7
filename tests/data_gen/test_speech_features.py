"""Speech features by name."""

from __future__ import annotations

import pytest

from data_gen.speech_features import audio_features, feature_width, hears_words
from tests.utils.sound.test_features import tone
from utils.errors import DataError


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


def test_words_are_heard_by_networks_only():
    assert [name for name in ("mel", "mfcc", "ear", "ear@x", "whisper:3-5", "hubert") if hears_words(name)] == [
        "ear", "ear@x", "whisper:3-5", "hubert",
    ]  # fmt: skip
    with pytest.raises(DataError, match="No speech feature is called 'ears'"):
        feature_width("ears")
