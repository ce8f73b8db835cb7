"""What is typed after a person's commands becomes settings of their head."""

from __future__ import annotations

import pytest

from tasks.person.settings import InferCommand, settings_of
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
