"""Any sound is read in pieces, and what is none is named."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.speaking.sound import Sound
from tests.tasks.speaking.made_speech import voice
from tests.utils.sound.made_room import room, syllables
from utils.errors import DataError
from utils.media.ffmpeg import Stream
from utils.media.wav import read_wav, write_wav
from utils.sound.speech_level import SOUND_LEVEL, levelled, measure, voice_rms


def test_any_format_is_read_and_nothing_is_left_behind(tmp_path):
    source = voice(tmp_path / "voice.wav", 1.0, rate=44100)
    with Stream(["-y", "-i", str(source), "-ac", "2", "-f", "ogg", str(tmp_path / "voice.ogg")]) as stream:
        stream.finish()
    before = sorted(tmp_path.iterdir())
    for name in ("voice.wav", "voice.ogg"):
        with Sound(tmp_path / name) as sound:
            assert sound.frames in (25, 26)
            assert len(sound.rms()) == 2 * sound.frames
            assert sound.read(20, 30).shape == (6400,)
            np.testing.assert_allclose(sound.rms()[:50], voice_rms(read_wav(tmp_path / name))[:50], atol=1e-4)
            assert sound.rms()[10] == pytest.approx(0.18, abs=0.01)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("gain", [0.1, 2.5])
def test_networks_hear_it_at_the_level_that_they_were_trained_with(tmp_path, gain):
    wav = gain * syllables(2.0) + 0.05
    write_wav(tmp_path / "a.wav", wav)
    with Sound(tmp_path / "a.wav") as sound:
        np.testing.assert_allclose(sound.read(10, 20), wav[6400:12800], atol=1e-4)
        np.testing.assert_allclose(sound.read(10, 20, SOUND_LEVEL), levelled(wav, measure(wav))[6400:12800], atol=5e-3)


def test_a_sound_in_which_nobody_speaks_is_said_to_be_one(tmp_path, caplog):
    write_wav(tmp_path / "a.wav", room(2.0, 0.003))
    with Sound(tmp_path / "a.wav") as sound:
        assert not sound.level.somebody_speaks
    assert "a.wav: nobody is heard to speak in it, so the mouth stays closed" in caplog.text


def test_what_is_no_sound_is_named(tmp_path):
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "text.mp3").write_text("not a sound at all")
    for name, reason in (
        ("missing.wav", "does not exist"),
        ("empty.wav", "is empty"),
        ("text.mp3", "could not be read"),
    ):
        with pytest.raises(DataError, match=f"{name} {reason}"), Sound(tmp_path / name):
            pass
